"""The process of optimum-benchmark: its failures told in our words and its own, by its real command line."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from energy_score.contract.errors import BenchmarkProcessError, EnvironmentNotReadyError
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.optimum import job
from energy_score.engine.optimum.process import OptimumProcess, explain_error, probe
from energy_score.engine.optimum.queries import OptimumQueries

MakeSpec = Callable[..., RunSpec]


def started(
    python: Path, folder: Path, spec: RunSpec, *, processor: Path | None = None, model_type: str = "gpt2"
) -> OptimumProcess:
    OptimumQueries(columns={"text": ["What is energy?", "Why?"]}).write(folder / job.QUERIES)
    job.write_job(
        spec, folder, commit=None, model_type=model_type, processor=str(processor) if processor else None,
        query_count=2, device_ids=None,
    )  # fmt: skip
    variables = job.make_variables(folder, gpu_indices=None)
    return OptimumProcess(python, folder=folder, configuration=job.CONFIGURATION, variables=variables)


def follow(process: OptimumProcess, *, until: str = "done") -> list[dict[str, Any]]:
    """The marks in order, each answered at once but the last one."""
    marks = [process.next_mark()]
    while until not in (marks[-1]["mark"], marks[-1].get("phase")):
        process.go_on()
        marks.append(process.next_mark())
    return marks


@pytest.fixture
def spec(make_spec: MakeSpec, tiny_models: Path) -> RunSpec:
    generation = make_spec().generation.model_copy(update={"dtype": "float32"})
    model = str(tiny_models / "base-tiny")
    return make_spec(backend="optimum", model_path=model, generation=generation, warmup_query_count=1)


@pytest.fixture
def processor(tiny_models: Path, tmp_path: Path) -> Path:
    """The tokenizer of the model, under a name that transformers 4 knows."""
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for file in (tiny_models / "base-tiny").glob("tokenizer*.json"):
        text = file.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast")
        (folder / file.name).write_text(text)
    return folder


def test_the_marks_are_its_tracked_phases_and_tell_what_was_loaded_and_done(
    optimum_environment: Path, spec: RunSpec, processor: Path, tmp_path: Path
) -> None:
    with started(optimum_environment, tmp_path, spec, processor=processor) as process:
        marks = follow(process)
    phases = ["load_dataset", "preprocess_dataset", "load_model", "prefill", "generate"]
    assert [mark["phase"] for mark in marks if mark["mark"] == "begin"] == phases
    ends = {mark["phase"]: mark for mark in marks if mark["mark"] == "end"}
    assert ends["load_model"]["model"]["dtype"] == "float32"
    (inputs,) = [mark["input_ids"] for mark in marks if mark["mark"] == "inputs"]
    assert [call[0] for call in ends["generate"]["calls"]] == [len(ids) for ids in inputs]
    assert [call[1] for call in ends["generate"]["calls"]] == [10, 10]
    assert [call[1] for call in ends["prefill"]["calls"]] == [1, 1]
    assert {"prefill", "decode"} < json.loads((tmp_path / "benchmark_report.json").read_text()).keys()


def test_a_tokenizer_that_it_swallowed_is_told_as_that(
    optimum_environment: Path, spec: RunSpec, processor: Path, tmp_path: Path
) -> None:
    (processor / "tokenizer.json").write_text("{}")
    with (
        started(optimum_environment, tmp_path, spec, processor=processor) as process,
        pytest.raises(BenchmarkProcessError) as failure,
    ):
        follow(process)
    assert "the tokenizer could not be loaded (optimum-benchmark hides the reason)" in str(failure.value)
    assert "Last output: " in str(failure.value)
    assert "'NoneType' object has no attribute 'eos_token'" in str(failure.value)


def test_a_model_that_is_not_there_is_told_as_that(optimum_environment: Path, spec: RunSpec, tmp_path: Path) -> None:
    absent = spec.model_copy(update={"model_path": str(tmp_path / "absent")})
    with (
        started(optimum_environment, tmp_path, absent) as process,
        pytest.raises(BenchmarkProcessError, match=r"exit code 1: the model, or a file of it, cannot be found. Use"),
    ):
        follow(process)


def test_a_process_that_is_killed_is_told_by_its_signal(
    optimum_environment: Path, spec: RunSpec, processor: Path, tmp_path: Path
) -> None:
    with started(optimum_environment, tmp_path, spec, processor=processor) as process:
        follow(process, until="prefill")
        os.kill(process._process.pid, signal.SIGKILL)
        with pytest.raises(BenchmarkProcessError, match=r"ended with signal SIGKILL\. Last output: "):
            process.next_mark()


def test_nothing_of_it_is_left_when_the_context_ends_early(
    optimum_environment: Path, spec: RunSpec, processor: Path, tmp_path: Path
) -> None:
    with started(optimum_environment, tmp_path, spec, processor=processor) as process:
        follow(process, until="load_model")
        child = psutil.Process(process._process.pid)
        assert child.is_running()
    assert not psutil.pid_exists(child.pid) or not child.is_running()


def test_an_environment_without_its_packages_is_no_environment() -> None:
    with pytest.raises(
        EnvironmentNotReadyError,
        match=r"No module named 'optimum_benchmark'. Recreate it "
        r"with make optimum-env",
    ):
        probe(Path(sys.executable))


@pytest.mark.parametrize("script", ["#!/bin/sh\necho no json\n", None])
def test_what_is_no_python_is_no_environment(tmp_path: Path, script: str | None) -> None:
    program = tmp_path / "python"
    if script is not None:
        program.write_text(script)
        program.chmod(0o755)
    with pytest.raises(EnvironmentNotReadyError, match="optimum-benchmark's environment"):
        probe(program)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory.", "out of memory"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "ValueError: The checkpoint has model type `x` but Transformers does not recognize this architecture",
            "archit",
        ),
    ],
)
def test_known_last_words_have_a_meaning(words: str, meaning: str) -> None:
    assert meaning in (explain_error(words) or "")
    assert explain_error("KeyError: 'x'") is None
