"""One model through the scripts, from the arguments to the documented files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energy_score.contract.run_directory import RunDirectory, RunState
from tests.e2e.conftest import ROOT, Workplace, environment
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

KEYS = ("backend.model=./models/Qwen3-tiny", "scenario.dataset_name=prompts.txt")


def command(name: str, *arguments: str) -> list[str]:
    return [str(ROOT / name), "--warmup", "1", "-n", "2", *KEYS, *arguments]


def variables(results: str | Path, **more: str) -> dict[str, str]:
    return environment() | {"PYTHON_BIN": sys.executable, "RESULTS_DIR": str(results)} | more


def run(
    workplace: Workplace, results: str | Path, *arguments: str, name: str = "run_non_docker.sh", **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(name, *arguments), cwd=workplace.folder, env=variables(results, **more), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def test_a_run_writes_its_files_into_the_results_directory_and_a_second_one_keeps_them_aside(
    workplace: Workplace, tmp_path: Path
) -> None:
    results = tmp_path / "my results"
    done = run(workplace, results, "scenario.reasoning=False")
    assert done.returncode == 0, done.stderr
    first = RunDirectory(results).report()
    assert first.tokens.completion == 20
    assert RunDirectory(results).config().model_id == "./models/Qwen3-tiny"
    assert RunDirectory(results).queries_file.exists()
    assert len(list((results / "logs").glob("*.log"))) == 1
    header, row = (line.split("\t") for line in done.stdout.splitlines())
    assert header[:3] == ["model", "state", "outcome"]
    assert row[:3] == ["./models/Qwen3-tiny", "Off", "done"]
    assert "energy-score 0.1.0" in done.stderr
    assert "Hub login" not in done.stderr

    effort = ("scenario.reasoning=True", "scenario.generate_kwargs.max_new_tokens=24")
    again = run(workplace, results, *effort, name="run_docker.sh", USE_DOCKER="false")
    assert again.returncode == 0, again.stderr
    second = RunDirectory(results).report()
    assert second.run_id != first.run_id
    (aside,) = (results / "aside").iterdir()
    assert RunDirectory(aside).report() == first
    assert not list(results.glob(".reserve"))


def test_a_results_directory_may_be_called_as_a_flag(workplace: Workplace) -> None:
    done = run(workplace, "--privileged and more", "scenario.reasoning=False")
    assert done.returncode == 0, done.stderr
    assert RunDirectory(workplace.folder / "--privileged and more").state() is RunState.DONE


def test_a_run_that_fails_exits_1_with_a_record_and_no_earlier_figure(workplace: Workplace, tmp_path: Path) -> None:
    broken = workplace.folder / "a broken model, (1)"
    broken.mkdir(exist_ok=True)
    (broken / "config.json").write_text("{}")
    (tmp_path / "GPU_ENERGY_WH.txt").write_text("25.40\n")
    done = run(workplace, tmp_path, "backend.device=cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-2])["outcome"] == "done"

    failing = [str(ROOT / "run_non_docker.sh"), f"backend.model=./{broken.name}", KEYS[1]]
    done = subprocess.run(failing, cwd=workplace.folder, env=variables(tmp_path), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)  # fmt: skip
    assert done.returncode == 1
    assert RunDirectory(tmp_path).state() is RunState.FAILED
    assert "failed" in done.stdout
    assert not (tmp_path / "GPU_ENERGY_WH.txt").exists()


def test_an_environment_that_lacks_something_exits_3(workplace: Workplace, tmp_path: Path) -> None:
    done = run(workplace, tmp_path, "--meter", "nvml", "backend.device=cpu")
    assert done.returncode == 3
    assert RunDirectory(tmp_path).failure().exit_code == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_130_and_a_record(workplace: Workplace, tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        command("run_non_docker.sh"), cwd=workplace.folder, env=variables(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "run_spec.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, errors
    assert RunDirectory(tmp_path).failure().stage == "interrupted"


def test_the_entry_point_runs_one_model(workplace: Workplace, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "energy_score.host.cli.entry_point", "--config-name", "text_generation", "--warmup", "1",
         f"backend.model={workplace.folder}/models/base-tiny", "scenario.num_samples=1",
         f"scenario.dataset_name={workplace.folder}/prompts.txt"],
        cwd=ROOT, env=variables(tmp_path), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert RunDirectory(tmp_path).state() is RunState.DONE
