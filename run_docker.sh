#!/usr/bin/env bash
# Runs one model in its container, or with --batch the rows of a spreadsheet: finds the Python, and becomes it.
set -euo pipefail

usage() {
    cat <<'USAGE'
One model, in a container:
  ./run_docker.sh [-n N|--num-samples N] --config-name text_generation backend.model=ID [KEY=VALUE...]
The same without a container, on this machine:
  ./run_non_docker.sh [-n N|--num-samples N|--num-prompts N] [-b BACKEND] [-e URL] backend.model=ID [KEY=VALUE...]
The rows of a spreadsheet, with either script:
  ./run_docker.sh --batch [-n N] [--csv FILE] [--model-name S] [--class A|B|C] [--task S] [--reasoning-state S]
                  [--output-dir DIR] [--prompts-file FILE] [-b BACKEND] [-e URL]

  -n, --num-samples, --num-prompts N   queries per run (default: 10; scenario.num_samples=N given by hand wins over it)
  -b, --backend BACKEND                pytorch, vllm, optimum (default: pytorch)
  -e, --endpoint URL                   the endpoint of the vllm backend (default: http://localhost:8000/v1)
  --config-name NAME                   the task's configuration (default: text_generation)
  --dry-run                            resolve and show, run nothing
  -h, --help                           this text

Keys: backend.{model,processor,device,device_ids,torch_dtype,device_map,task,no_weights},
  scenario.{dataset_name,text_column_name,num_samples,truncation,reasoning,reasoning_params.NAME},
  scenario.generate_kwargs.{max_new_tokens,min_new_tokens}, scenario.input_shapes.batch_size.

Environment: RESULTS_DIR (default: ./results), DOCKER_IMAGE (default: ai_energy_score), HF_HOME, HF_TOKEN,
  BENCHMARK_BACKEND, VLLM_ENDPOINT, USE_DOCKER=false (run_docker.sh runs on this machine too),
  VENV_DIR (default: .venv beside the script), PYTHON_BIN (default: the one in VENV_DIR, else python3).

Every option: python batch_runner.py run --help, and python batch_runner.py --help for a batch.
Exit codes: 0 done, 1 a run failed, 2 usage or configuration, 3 environment, 4 nothing matched, 130 interrupted.
USAGE
}

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 3
}

script=$(readlink -f -- "${BASH_SOURCE[0]}")
here=$(dirname -- "$script")

# Rotates the arguments once, less --batch.
batch=false
for argument in "$@"; do
    shift
    case $argument in
        --batch) batch=true ;;
        -h | --help) usage; exit 0 ;;
        *) set -- "$@" "$argument" ;;
    esac
done

if [[ -n ${PYTHON_BIN:-} ]]; then
    python=$PYTHON_BIN
elif [[ -n ${VENV_DIR:-} ]]; then
    python=$VENV_DIR/bin/python
elif [[ -x $here/.venv/bin/python ]]; then
    python=$here/.venv/bin/python
else
    python=python3
fi
command -v -- "$python" >/dev/null || fail "$python: no such program; set PYTHON_BIN or VENV_DIR to a Python 3.11 or later"
"$python" -c '
import sys
from importlib.util import find_spec
needed = ("click", "hydra", "omegaconf", "pydantic", "pynvml", "rich")
sys.exit(sys.version_info < (3, 11) or any(find_spec(name) is None for name in needed))
' || fail "$python: no Python 3.11 or later with this program's packages; run in $here:
  python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e '.[pytorch,docker]'"

# PYTHONSAFEPATH would hide the modules next to batch_runner.py.
unset PYTHONSAFEPATH
if [[ $batch == true ]]; then
    exec "$python" "$here/batch_runner.py" -n 10 "$@"
fi
exec "$python" "$here/batch_runner.py" run "$@"
