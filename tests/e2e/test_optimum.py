"""Batches by optimum-benchmark's real command line in its own environment, beside the same rows by other backends."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from energy_score.contract.optimum_environment import VARIABLE
from energy_score.contract.run_failure import RunFailure
from energy_score.contract.run_report import RunReport
from tests.e2e.conftest import ROOT, Workplace, environment, manifest_of_a_bundle
from tests.nvml_simulator.simulator import HOPPER_SENSORS, NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

BASE = "./models/base-tiny,Off (N/A),"
COUNTS = ("query_index", "status", "prompt_tokens", "completion_tokens")
Batch = Callable[..., Path]


@pytest.fixture(scope="module")
def batch(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """Runs a sheet of ``rows`` and gives the folder with its results."""

    def run(rows: list[str], *options: str, exit_code: int = 0, **variables: str) -> Path:
        output = tmp_path_factory.mktemp("optimum")
        done = workplace.run(workplace.sheet("optimum.csv", rows), output, "--dtype", "float32", *options, **variables)
        assert done.returncode == exit_code, done.stderr
        return output

    return run


def report(output: Path, name: str) -> RunReport:
    return RunReport.read(output / "individual_runs" / name / "benchmark_report.json")


def counts(output: Path, name: str) -> list[tuple[str, ...]]:
    with (output / "individual_runs" / name / "benchmark_results.csv").open(newline="") as stream:
        return [tuple(row[column] for column in COUNTS) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def by_optimum(optimum_environment: Path, batch: Batch) -> Path:
    return batch([BASE], "--backend", "optimum", "--seed", "7", "--repeats", "2")


def test_optimum_and_pytorch_count_the_same_tokens_of_every_query(by_optimum: Path, batch: Batch) -> None:
    by_pytorch, name = batch([BASE]), "models_base-tiny_Off_N_A"
    assert counts(by_optimum, name) == counts(by_pytorch, name)
    theirs, ours = report(by_optimum, name), report(by_pytorch, name)
    assert (theirs.tokens.prompt, theirs.tokens.completion) == (ours.tokens.prompt, ours.tokens.completion)
    assert theirs.first_prompt_sha256 == ours.first_prompt_sha256
    facts = ("dtype", "devices", "parameter_count", "attention", "context_length", "offloaded", "random_weights")
    assert [getattr(theirs.model, fact) for fact in facts] == [getattr(ours.model, fact) for fact in facts]
    assert (theirs.queries.succeeded, theirs.queries.failed) == (ours.queries.succeeded, 0)
    # Single tokens were not observed, so the first one has no time.
    assert theirs.queries.mean_latency_s is not None
    assert theirs.queries.mean_time_to_first_token_s is None


def test_a_bundle_holds_its_reports_as_well_and_is_verified(by_optimum: Path, tmp_path: Path) -> None:
    files = {file.path for file in manifest_of_a_bundle(by_optimum, tmp_path / "optimum.zip").files}
    assert any("/optimum_benchmark/" in path for path in files)


def test_its_reports_are_kept_as_they_came_and_its_versions_and_settings_are_recorded(by_optimum: Path) -> None:
    found = report(by_optimum, "models_base-tiny_Off_N_A")
    phases = ["preprocess", "load", "prefill", "full", "preprocess", "prefill", "full"]
    assert [window.phase for window in found.phases] == phases
    assert found.optimum is not None
    kept = [by_optimum / "individual_runs/models_base-tiny_Off_N_A" / name for name in found.optimum.reports]
    assert [path.name for path in kept] == ["run_01_benchmark_report.json", "run_02_benchmark_report.json"]
    assert all({"load_model", "prefill", "decode"} <= json.loads(path.read_text()).keys() for path in kept)
    assert {(energy.repeat, energy.phase) for energy in found.optimum.energies} == {
        (repeat, phase) for repeat in (1, 2) for phase in ("preprocess", "prefill", "decode")
    }
    assert found.optimum.versions["optimum-benchmark"] == "0.6.0"
    assert found.software["transformers"] == found.optimum.versions["transformers"] != report_of_ours()
    settings = json.loads(found.optimum.settings)
    assert (settings["backend"]["seed"], settings["backend"]["torch_dtype"]) == (7, "float32")
    assert settings["scenario"]["generate_kwargs"] == {
        "max_new_tokens": 10, "min_new_tokens": 10, "do_sample": False,
    }  # fmt: skip
    assert [figure.repeats for figure in found.statistics if figure.phase == "total"] == [2]
    # The engine's own CPU time says nothing of another process's.
    assert all(window.domain != "cpu" or window.source == "rapl" for window in found.phases)


def report_of_ours() -> str:
    import transformers  # noqa: PLC0415 - heavy

    return str(transformers.__version__)


@pytest.mark.parametrize(("task", "tokens"), [("extractive_qa", "67"), ("text_classification", "49")])
def test_the_tasks_of_one_forward_pass_are_carried_out(
    optimum_environment: Path, all_tasks: Path, tmp_path: Path, task: str, tokens: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "batch_runner.py"), "--executor", "local", "--csv", str(all_tasks / "models.csv"),
         "--prompts-file", str(all_tasks / "queries.csv"), "--protocol", "quick", "--warmup", "1", "--task", task,
         "--backend", "optimum", "--output-dir", str(tmp_path)],
        check=False, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (tmp_path / "master_results.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    # One token a letter or mark, [CLS] before and [SEP] behind each text, of both queries: as the pytorch backend has.
    assert (row["total_prompt_tokens"], row["total_completion_tokens"]) == (tokens, "")
    (path,) = tmp_path.rglob("benchmark_report.json")
    assert [window.phase for window in RunReport.read(path).phases] == ["preprocess", "load", "forward"]


def test_what_it_cannot_carry_is_refused_before_anything_runs(optimum_environment: Path, batch: Batch) -> None:
    output = batch(["./models/Qwen3-tiny,On,enable_thinking=True"], "--backend", "optimum", exit_code=1)
    failure = RunFailure.read(output / "individual_runs/models_Qwen3-tiny_On/run_failure.json")
    assert failure.stage == "resolve"
    assert "generates an exact number of tokens, but this row allows 1 to 24" in failure.message
    for option in ("--save-text", "--no-weights", "--concurrency=2", "--managed"):
        batch([BASE], "--backend", "optimum", option, exit_code=2)


def test_without_its_environment_nothing_starts_and_the_message_has_the_command(
    workplace: Workplace, tmp_path: Path
) -> None:
    sheet = workplace.sheet("absent.csv", [BASE])
    done = workplace.run(sheet, tmp_path, "--backend", "optimum", **{VARIABLE: str(tmp_path / "absent")})
    assert done.returncode == 3
    assert "make optimum-env" in done.stderr
    assert not (tmp_path / "individual_runs").exists()


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(optimum_environment: Path, batch: Batch) -> None:
    output = batch([BASE], "--backend", "optimum", "--warmup", "1000000", "--timeout", "9", exit_code=1)
    failure = RunFailure.read(output / "individual_runs/models_base-tiny_Off_N_A/run_failure.json")
    assert "9 s" in failure.message
    left = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert "optimum/launcher.py" not in left


def test_a_tokenizer_that_version_4_cannot_read_is_a_recorded_failure_in_our_words(
    optimum_environment: Path, workplace: Workplace, batch: Batch
) -> None:
    folder = workplace.folder / "models" / "strange-tiny"
    if not folder.exists():
        folder.mkdir()
        for file in (workplace.folder / "models" / "base-tiny").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "tokenizer_config.json").read_text())
    # Known to no version; 5 reads the file all the same, 4 does not.
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "StrangeTokenizer"}))
    output = batch(["./models/strange-tiny,Off (N/A),"], "--backend", "optimum", exit_code=1)
    failure = RunFailure.read(output / "individual_runs/models_strange-tiny_Off_N_A/run_failure.json")
    assert failure.stage == "load"
    assert "the tokenizer could not be loaded (optimum-benchmark hides the reason)" in failure.message
    assert "Last output: " in failure.message


def test_both_meters_read_the_same_run_of_a_simulated_gpu_and_the_difference_is_named(
    optimum_environment: Path, workplace: Workplace, nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    # codecarbon looks for no GPU without one.
    smi = nvml_simulator.folder / "nvidia-smi"
    smi.write_text("#!/bin/sh\nexit 0\n")
    smi.chmod(0o755)
    variables = nvml_simulator.environment(**HOPPER_SENSORS)
    sheet = workplace.sheet("simulated_optimum.csv", [BASE])
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("What is energy?\n" * 40)
    done = subprocess.run(
        [*workplace.command(sheet, tmp_path / "out", "--backend", "optimum", "--new-tokens-off", "128"),
         "--prompts-file", str(prompts)],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
        env=variables | {"PATH": f"{smi.parent}:{variables['PATH']}", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = report(tmp_path / "out", "models_base-tiny_Off_N_A")
    codes = {reason.code for reason in found.verdict.reasons}
    assert "not_a_gpu_measurement" in codes
    assert not codes & {"foreign_process", "gpu_energy_unmeasured"}
    assert found.optimum is not None
    (total,) = [entry for entry in found.optimum.differences if (entry.phase, entry.domain) == ("total", "gpu")]
    ours = next(figure for figure in found.statistics if (figure.phase, figure.domain) == ("total", "gpu"))
    assert total.ours_j == ours.mean_energy_j
    # 300 W throughout: what its 1 s power samples and its counter's ticks may be off by, and no load phase.
    assert total.theirs_j == pytest.approx(300 * ours.mean_duration_s, rel=0.2)
    assert total.difference_j == pytest.approx(total.theirs_j - total.ours_j)
    with (tmp_path / "out" / "master_results.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert not [code for code in row["verdict_reasons"].split("; ") if "witness" in code]
    assert float(row["gpu_energy_wh"]) == pytest.approx(total.ours_j / 3600)
    assert float(row["optimum_gpu_energy_wh"]) == pytest.approx(total.theirs_j / 3600)
    assert float(row["optimum_difference_percent"]) == pytest.approx(total.difference_percent)
