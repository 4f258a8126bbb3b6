"""What a row must be for optimum-benchmark to carry it out; the rest is refused by name before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.optimum_environment import VARIABLE, describe_optimum_setup, optimum_python
from energy_score.contract.run_spec import RunSpec
from energy_score.shared.tasks.registry import TASKS
from parameter_handler import ParameterHandler, RunOptions
from tests.support.record_factory import make_config

DONE = {"text_gen", "extractive_qa", "text_classification"}


def resolved(row: dict[str, Any] | None = None, **options: Any) -> RunSpec:
    base = {"model_id": "tiny/model", "reasoning_state": "", "reasoning_mode": ReasoningMode.NOT_APPLICABLE,
            "reasoning_params": {}, "use_harmony": False}  # fmt: skip
    handler = ParameterHandler(RunOptions(backend="optimum", **options), sheet_directory=Path())
    return handler.resolve(make_config(**(base | (row or {}))), run_id="run")


@pytest.mark.parametrize("task", TASKS)
def test_of_the_ten_tasks_three_are_done_and_the_others_refused_by_name(task: str) -> None:
    row = {"task": task, "model_class": "A" if task == "text_gen" else None}
    if task in DONE:
        assert resolved(row).task == task
        return
    with pytest.raises(RowRefusedError, match=f"{task} cannot be run by this version's optimum backend"):
        resolved(row)


def test_a_row_that_lets_the_model_write_as_much_as_it_wants_is_refused_with_its_line() -> None:
    thinking = {"model_id": "Qwen/Qwen3-0.6B", "reasoning_state": "On", "reasoning_mode": ReasoningMode.ON,
                "reasoning_params": {"enable_thinking": True}}  # fmt: skip
    with pytest.raises(
        RowRefusedError,
        match=r"models.csv:2: optimum-benchmark generates an exact .* allows 1 to 8192",
    ):
        resolved(thinking)
    generation = resolved(thinking, min_new_tokens=64, max_new_tokens=64).generation
    assert (generation.min_new_tokens, generation.max_new_tokens) == (64, 64)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"save_text": True}, "--save-text is not supported"),
        ({"no_weights": True}, "--no-weights is not supported"),
        ({"concurrency": 2}, "--concurrency 2 has no effect with --backend optimum"),
        ({"managed": True}, "--managed has no effect with --backend optimum"),
        ({"meter_gpus": "0"}, "--meter-gpu has no effect with --backend optimum"),
    ],
)
def test_an_option_that_it_cannot_carry_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        resolved(**options)


def test_a_phase_is_one_pass_and_the_row_says_so_where_the_protocol_would_loop() -> None:
    spec = resolved(protocol="official")
    assert (spec.repeat_policy.repeats, spec.repeat_policy.min_phase_s) == (10, 0)
    assert "optimum-benchmark makes one pass over the dataset per phase; it cannot repeat it for 10 s" in spec.notes
    assert resolved(protocol="quick").notes == ()


def test_the_environment_is_the_one_named_else_the_one_that_make_makes(tmp_path: Path) -> None:
    named = {VARIABLE: str(tmp_path / "bin/python")}
    assert optimum_python(named) == tmp_path / "bin/python"
    assert optimum_python({}).parts[-3:] == (".venv-optimum", "bin", "python")
    assert describe_optimum_setup({}).startswith("run make optimum-env")
    assert describe_optimum_setup(named).startswith(
        f"{VARIABLE}={tmp_path / 'bin/python'} does not exist; run make optimum-env"
    )
