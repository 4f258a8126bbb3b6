"""Ten rows, ten tasks, one data file: by the program as a user starts it, with the counts of every query."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from tokenizers import Tokenizer

from energy_score.contract.run_report import RunReport
from examples.all_tasks import ROWS
from tests.e2e.conftest import ROOT, environment, manifest_of_a_bundle
from tests.nvml_simulator.simulator import HOPPER_SENSORS, NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

GENERATES = ["preprocess", "prefill", "full"]
FORWARD = ["preprocess", "forward"]


class Expected(NamedTuple):
    """What a task's run must show; counts are for both queries, None if the task has none."""

    phases: list[str]
    prompt_tokens: list[int] | None = None
    completion_tokens: list[int] | None = None
    input_images: int | None = None
    input_audio_s: float | None = None
    output_images: int | None = None


def letters(*texts: str) -> int:
    """Tokens of the tiny BERTs: one a letter or mark, [CLS] before and [SEP] behind each text."""
    return 1 + sum(len(text.replace(" ", "")) + 1 for text in texts)


EXPECTED = {
    # Byte-pair tokens are counted by the tokenizers library from the text as the template writes it: see below.
    "Qwen3-tiny": Expected(GENERATES, completion_tokens=[10, 10]),
    "bart-tiny": Expected(GENERATES, completion_tokens=[10, 10]),
    "bert-qa-tiny": Expected(FORWARD, prompt_tokens=[letters(row[1], row[2]) for row in ROWS]),
    "bert-classifier-tiny": Expected(FORWARD, prompt_tokens=[letters(row[0]) for row in ROWS]),
    "sentence-transformer-tiny": Expected(FORWARD, prompt_tokens=[letters(row[3]) + letters(row[4]) for row in ROWS]),
    "vit-tiny": Expected(FORWARD, input_images=2),
    "detr-tiny": Expected(FORWARD, input_images=2),
    # Random weights never end: all of the decoder's 64 positions less the 4 start tokens, and the cap of 100.
    "whisper-tiny": Expected(GENERATES, completion_tokens=[60, 60], input_audio_s=1.25),
    "stable-diffusion-tiny": Expected(["preprocess", "call"], output_images=2),
    "blip-tiny": Expected(GENERATES, completion_tokens=[100, 100], input_images=2),
}
PROMPTS = {
    "Qwen3-tiny": "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "bart-tiny": "{}",
}


@pytest.fixture(scope="module", params=["local", pytest.param("docker", marks=pytest.mark.docker)])
def batch(all_tasks: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of the results of the one batch that all tests here look at: by each executor."""
    if request.param == "docker":
        request.getfixturevalue("image")
    output = all_tasks / f"batch results {request.param}"
    command = [
        sys.executable, str(ROOT / "batch_runner.py"), "--executor", request.param,
        "--csv", str(all_tasks / "models.csv"),
        "--prompts-file", str(all_tasks / "queries.csv"), "--protocol", "quick", "--warmup", "1", "--save-text",
        "--output-dir", str(output),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert "10 done, 0 skipped, 0 failed, 0 refused" in done.stderr
    return output


def rows_of(batch: Path) -> dict[str, dict[str, str]]:
    with (batch / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        return {row["model_name"].removeprefix("./models/"): row for row in csv.DictReader(stream)}


def queries_of(batch: Path, name: str) -> list[dict[str, str]]:
    (folder,) = (batch / "individual_runs").glob(f"models_{name}*")
    with (folder / "benchmark_results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def report_of(batch: Path, name: str) -> RunReport:
    (folder,) = (batch / "individual_runs").glob(f"models_{name}*")
    return RunReport.read(folder / "benchmark_report.json")


def cell(value: object) -> str:
    return "" if value is None else str(value)


def test_the_letters_of_the_queries_are_counted_right() -> None:
    assert letters("a cat.", "it") == 1 + 5 + 1 + 2 + 1
    assert [letters(row[0]) for row in ROWS] == [21, 28]
    assert [letters(row[1], row[2]) for row in ROWS] == [29, 38]


def test_all_ten_tasks_have_a_row_without_a_failure(batch: Path) -> None:
    rows = rows_of(batch)
    assert rows.keys() == EXPECTED.keys()
    assert len({row["task"] for row in rows.values()}) == 10
    for name, row in rows.items():
        assert (row["successful_prompts"], row["failed_prompts"], row["error_message"]) == ("2", "0", ""), name
        assert row["dtype"] == ("bfloat16" if row["task"] == "text_gen" else "float32")
        assert row["truncated_prompts"] == "0"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_task_measures_its_phases(batch: Path, name: str) -> None:
    report = report_of(batch, name)
    assert [window.phase for window in report.phases if window.counted] == EXPECTED[name].phases
    derived = {figure.phase for figure in report.statistics}
    generates = EXPECTED[name].phases == GENERATES
    assert derived == ({"preprocess", "prefill", "decode", "total"} if generates else {*EXPECTED[name].phases, "total"})


@pytest.mark.parametrize("name", EXPECTED)
def test_the_counts_of_a_task_are_those_of_its_queries_and_empty_where_it_has_none(batch: Path, name: str) -> None:
    expected, row, queries = EXPECTED[name], rows_of(batch)[name], queries_of(batch, name)
    prompt_tokens = expected.prompt_tokens
    if name in PROMPTS:
        tokenizer = Tokenizer.from_file(str(batch.parent / "models" / name / "tokenizer.json"))
        prompt_tokens = [len(tokenizer.encode(PROMPTS[name].format(values[0])).ids) for values in ROWS]
    for column, counts in (("prompt_tokens", prompt_tokens), ("completion_tokens", expected.completion_tokens)):
        assert [query[column] for query in queries] == ["" if counts is None else str(n) for n in counts or (0, 0)]
        assert row[f"total_{column}"] == cell(None if counts is None else sum(counts))
    known = [*(prompt_tokens or []), *(expected.completion_tokens or [])]
    assert row["total_tokens"] == cell(sum(known) if known else None)
    assert row["total_input_images"] == cell(expected.input_images)
    assert row["total_input_audio_seconds"] == cell(expected.input_audio_s)
    assert row["total_output_images"] == cell(expected.output_images)
    generates = expected.completion_tokens is not None
    for column in ("throughput_tokens_per_second", "time_to_first_token_seconds", "max_new_tokens"):
        assert bool(row[column]) is generates, column


@pytest.mark.parametrize("name", EXPECTED)
def test_no_verdict_speaks_of_tokens_where_all_is_as_asked(batch: Path, name: str) -> None:
    codes = {reason.code for reason in report_of(batch, name).verdict.reasons}
    assert not codes & {"token_count_off_target", "truncated_queries", "partial_failure"}


def test_the_figures_of_every_task_follow_from_the_readings_in_a_bundle(batch: Path, tmp_path: Path) -> None:
    assert len(manifest_of_a_bundle(batch, tmp_path / "all.zip").runs) == len(EXPECTED)


def test_answers_are_kept_as_text_for_every_task(batch: Path) -> None:
    for name in EXPECTED:
        (folder,) = (batch / "individual_runs").glob(f"models_{name}*")
        answers = [json.loads(line) for line in (folder / "texts.jsonl").read_text().splitlines()]
        assert [answer["query_index"] for answer in answers] == [0, 1], name
    (drawn,) = (batch / "individual_runs").glob("models_stable-diffusion-tiny*")
    assert '"image of 32 x 32 pixels"' in (drawn / "texts.jsonl").read_text()


def test_the_gpu_energy_of_a_forward_pass_stands_in_the_table_without_token_figures(
    all_tasks: Path, nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    command = [
        sys.executable, str(ROOT / "batch_runner.py"), "--executor", "local", "--csv", str(all_tasks / "models.csv"),
        "--prompts-file", str(all_tasks / "media"), "--task", "image_classification", "--protocol", "quick",
        "--warmup", "1", "--output-dir", str(tmp_path),
    ]  # fmt: skip
    settings = nvml_simulator.environment(OMP_NUM_THREADS=1, HF_HUB_OFFLINE=1, **HOPPER_SENSORS)
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=settings, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    row = rows_of(tmp_path)["vit-tiny"]
    assert (row["energy_source"], row["energy_status"], row["gpu_count"]) == ("simulated", "measured", "1")
    assert float(row["wh_per_1000_queries"]) == pytest.approx(1000 * float(row["gpu_energy_wh"]) / 2)
    assert (row["total_input_images"], row["prefill_wh"], row["decode_wh"]) == ("2", "", "")
    assert (row["tokens_per_joule"], row["energy_per_output_token_j"]) == ("", "")
    assert "token_count_off_target" not in row["verdict_reasons"]
