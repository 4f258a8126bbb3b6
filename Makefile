# Two commands on a fresh machine: make demo, make test. Everything is installed into $(VENV).
VENV ?= .venv
PYTHON_BIN ?= python3
PYTHON = $(VENV)/bin/python
# What optimum-benchmark's energy_star scenario needs; pillow and codecarbon it does not say itself.
OPTIMUM_PACKAGES = optimum-benchmark codecarbon pillow
# Tiny models run slower on many threads than on one.
DEMO = OMP_NUM_THREADS=1 $(PYTHON)

.PHONY: demo test test-slow check lint types schemas reference stubs image optimum-env benchmarks benchmarks-meters benchmarks-loops \
    benchmarks-containers benchmarks-clusters clean

demo: $(VENV)/.installed-pytorch
	$(DEMO) -m examples.demo demo
	$(DEMO) batch_runner.py --executor local --csv demo/models.csv --prompts-file demo/prompts.txt --protocol quick \
	    --max-new-tokens-on 64 --save-text --output-dir demo/batch_results
	@echo
	@echo "The table:               demo/batch_results/master_results.csv"
	@echo "Each run's files:        demo/batch_results/individual_runs/"
	@echo "The leaderboard:         $$($(DEMO) batch_runner.py leaderboard --results demo/batch_results --site demo/site)"
	@echo "Prompts as rendered:     demo/batch_results/individual_runs/*/texts.jsonl"
	@echo "Logs:                    demo/batch_results/logs/"
	@echo "The sheet and models:    demo/models.csv, demo/models/"

# Every test that needs no part of its own: in minutes. On every processor, because none depends on the machine's speed.
test: $(VENV)/.installed-dev
	$(PYTHON) -m pytest -m "not slow" --numprocesses auto --dist worksteal

# Whole batches, containers, clusters, servers, browsers, drills: whatever of them this machine has.
test-slow: $(VENV)/.installed-dev
	$(PYTHON) -m pytest -m slow --numprocesses auto --dist loadfile

check: lint types test test-slow

lint: $(VENV)/.installed-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(VENV)/bin/shellcheck *.sh .ci/run tests/gpu_hook/*
	$(VENV)/bin/hadolint Dockerfile

types: $(VENV)/.installed-dev
	$(PYTHON) -m mypy

schemas: $(VENV)/.installed-dev
	$(PYTHON) -m energy_score.host.cli.schemas

# docs/commands.md, from the program itself.
reference: $(VENV)/.installed-dev
	$(PYTHON) -m energy_score.host.cli.reference

# The type stubs of the top-level modules, which an installed package needs.
stubs: $(VENV)/.installed-dev
	$(PYTHON) -m tests.support.stub_files

# The environment of --backend optimum, which needs older packages than ours. Two to three minutes.
optimum-env: .venv-optimum/.installed

.venv-optimum/.installed: constraints-optimum.txt
	$(PYTHON_BIN) -m venv .venv-optimum
	.venv-optimum/bin/python -m pip install --quiet --constraint constraints-optimum.txt $(OPTIMUM_PACKAGES)
	touch $@

# The image of the docker executor; needs a container engine.
image:
	./build.sh

# All of benchmarks/__main__.py; ends with 1 if a limit is broken. Limits are ratios: a slow machine is judged alike.
benchmarks: $(VENV)/.installed-dev
	$(PYTHON) -m benchmarks

# Three minutes, and needs gcc and the package index: Zeus and CodeCarbon are installed beside ours.
benchmarks-meters: $(VENV)/.installed-dev
	$(PYTHON) -m benchmarks.meters_side_by_side

# Four minutes, and needs make optimum-env: our loop beside a bare one and beside optimum-benchmark's.
benchmarks-loops: $(VENV)/.installed-dev .venv-optimum/.installed
	OMP_NUM_THREADS=1 $(PYTHON) -m benchmarks.loop_side_by_side

# Needs a container engine and the image.
benchmarks-containers: $(VENV)/.installed-dev
	$(PYTHON) -m benchmarks.container_overhead

# Needs Slurm (apt install slurm-wlm munge, as root), Ray (the extra) and gcc; half an hour on two processors.
benchmarks-clusters: $(VENV)/.installed-dev
	$(PYTHON) -m benchmarks.cluster_overhead

$(VENV)/.installed-pytorch: pyproject.toml constraints.txt
	$(PYTHON_BIN) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[pytorch,docker,reports]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-pytorch
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
