"""Facts about which orders are the same run, which are none, and what a run of them reads."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import Family, PromptPlan, SheetCell
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RepeatPolicy, RunSpec
from tests.support.record_factory import make_spec

NOT_IDENTITY = {
    "run_id": "another",
    "region": "france",
    "notes": ("a note",),
    "family": Family(name="Owl", pattern="owl", kind="always"),
    "template_sha256": "0" * 64,
    "strict_modes": True,
}
FILING = {"model_class": "A", "reasoning_state": "On", "reasoning": ReasoningMode.ON}
WORK = {
    "image": "ai_energy_score@sha256:0",
    "model_id": "openai/gpt-oss-120b",
    "model_path": "models/x",
    "model_digest": "0" * 64,
    "processor": "openai/gpt-oss-120b",
    "revision": "6cee5e81",
    "trust_remote_code": True,
    "no_weights": True,
    "task": "summarization",
    "prompt_plan": PromptPlan(chat_template_kwargs={"reasoning_effort": "low"}),
    "prompt_date": date(2025, 12, 4),
    "generation": GenerationSettings(max_new_tokens=10, min_new_tokens=10, dtype="bfloat16", seed=42),
    "backend": "vllm",
    "endpoint": "http://localhost:8000/v1",
    "server_command": "vllm serve {model} --port {port}",
    "concurrency": 2,
    "request_timeout_s": 30.0,
    "meter_gpus": ("0",),
    "meter": "nvml",
    "dataset": DatasetRef(path="prompts.txt", sha256="0" * 64, columns=("text",)),
    "query_count": None,
    "truncation": True,
    "repeat_policy": RepeatPolicy(
        protocol="official", repeats=10, discarded_repeats=1, min_phase_s=10, idle_baseline_s=30
    ),
    "warmup_query_count": 11,
    "gpu_requirement": GpuRequirement(count=2),
    "save_text": True,
}


def differing(field: str, value: Any) -> RunSpec:
    return make_spec(**{field: value})


def test_every_field_of_an_order_is_decided_to_be_identity_or_not() -> None:
    assert set(RunSpec.model_fields) == set(NOT_IDENTITY) | set(FILING) | set(WORK) | {"schema_version", "cell"}


@pytest.mark.parametrize(("field", "value"), NOT_IDENTITY.items())
def test_what_does_not_change_the_measurement_does_not_change_the_run(field: str, value: Any) -> None:
    assert differing(field, value).identity() == make_spec().identity()


@pytest.mark.parametrize(("field", "value"), (FILING | WORK).items())
def test_what_changes_the_measurement_or_its_filing_orders_another_run(field: str, value: Any) -> None:
    assert differing(field, value).identity() != make_spec().identity()


@pytest.mark.parametrize(("field", "value"), FILING.items())
def test_rows_that_differ_only_in_filing_are_the_same_work(field: str, value: Any) -> None:
    assert differing(field, value).work_identity() == make_spec().work_identity()


@pytest.mark.parametrize(("field", "value"), WORK.items())
def test_another_measurement_is_other_work(field: str, value: Any) -> None:
    assert differing(field, value).work_identity() != make_spec().work_identity()


def test_state_and_cell_order_the_mode_and_a_plan_that_is_learned_later_orders_no_other_run() -> None:
    cell, other = SheetCell(parameters={"enable_thinking": False}), SheetCell(parameters={"enable_thinking": True})
    learned = PromptPlan(chat_template_kwargs={"enable_thinking": False})
    known, before = make_spec(cell=cell, prompt_plan=learned), make_spec(cell=cell)
    assert known.identity() == before.identity()
    assert known.work_identity() != before.work_identity()
    assert make_spec(cell=other).identity() != before.identity()
    assert make_spec(cell=other).work_identity() == before.work_identity()
    assert make_spec().identity() != before.identity()


def test_a_result_of_the_version_before_templates_decided_still_answers_its_row() -> None:
    plan = PromptPlan(chat_template_kwargs={"enable_thinking": False})
    earlier = make_spec(prompt_plan=plan)
    family = Family(name="Owl", pattern="owl", kind="always")
    now = make_spec(prompt_plan=plan, cell=SheetCell(), family=family, prompt_date=date(2025, 12, 4))
    assert now.identity() != earlier.identity()
    assert now.orders(earlier.identity())
    assert now.orders(now.identity())
    assert not now.orders(make_spec().identity())


def test_an_order_keeps_its_identity_through_its_file() -> None:
    plan = PromptPlan(chat_template_kwargs={"b": True, "a": 1, "c": 1.0, "d": "1"})
    spec = make_spec(prompt_plan=plan)
    again = RunSpec.model_validate_json(spec.model_dump_json())
    assert again.identity() == spec.identity()
    reordered = PromptPlan(chat_template_kwargs={"d": "1", "c": 1.0, "a": 1, "b": True})
    assert make_spec(prompt_plan=reordered).identity() == spec.identity()


@pytest.mark.parametrize("value", [1, 1.0, "1", "true"])
def test_a_switch_that_is_true_is_not_one_that_is_1(value: Any) -> None:
    def switched(*, switch: Any) -> str:
        return make_spec(prompt_plan=PromptPlan(chat_template_kwargs={"thinking": switch})).identity()

    assert switched(switch=True) != switched(switch=value)


def test_a_field_that_an_earlier_record_did_not_have_keeps_its_identity() -> None:
    written = make_spec().model_dump(mode="json", exclude={"processor", "truncation"})
    del written["gpu_requirement"]["device_map"]
    assert RunSpec.model_validate(written).identity() == make_spec().identity()


LIMITS = {"dtype": "bfloat16", "seed": 42}
POLICY = {"protocol": "quick", "repeats": 5, "discarded_repeats": 1, "min_phase_s": 10, "idle_baseline_s": 0}


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        (GenerationSettings, LIMITS | {"min_new_tokens": 11, "max_new_tokens": 10}, "min_new_tokens 11 exceeds"),
        (GenerationSettings, LIMITS | {"min_new_tokens": None, "max_new_tokens": 10}, "must be set together"),
        (GenerationSettings, LIMITS | {"min_new_tokens": 1, "max_new_tokens": 1, "do_sample": True}, "do_sample"),
        (DatasetRef, {"columns": ("text",)}, "either a Hub name or a local path"),
        (DatasetRef, {"columns": ("text",), "name": "a/b", "path": "q.csv"}, "either a Hub name or a local path"),
        (RepeatPolicy, POLICY | {"ci_target": 0.01}, "ci_target and max_repeats must be set together"),
        (RepeatPolicy, POLICY | {"ci_target": 0.01, "max_repeats": 4}, "max_repeats 4 is less than repeats 5"),
        (RepeatPolicy, POLICY | {"ci_target": 1.0, "max_repeats": 20}, "ci_target"),
        (GpuRequirement, {"count": -1}, "count"),
    ],
)
def test_a_part_that_contradicts_itself_is_refused_in_words(kind: Any, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        kind(**fields)


def test_a_run_reads_the_files_that_its_order_names_each_once() -> None:
    dataset = DatasetRef(path="/data/q.csv", sha256="0" * 64, columns=("image",), media_folders=("/data/pictures",))
    spec = make_spec(model_path="/models/x", processor="/models/x", dataset=dataset, meter="replay:/data/a:b.json")
    named = ("/models/x", "/data/q.csv", "/data/pictures", "/data/a:b.json")
    assert spec.local_paths() == tuple(map(Path, named))
    assert make_spec(processor="openai/gpt-oss-120b").local_paths() == ()  # a Hub id is not a path


@pytest.mark.parametrize(
    ("trust_remote_code", "endpoint", "runs"),
    [(False, None, False), (True, None, True), (True, "http://localhost:8000/v1", False)],
)
def test_foreign_code_runs_only_where_it_is_trusted_and_no_server_has_loaded_it(
    endpoint: str | None, *, trust_remote_code: bool, runs: bool
) -> None:
    assert make_spec(trust_remote_code=trust_remote_code, endpoint=endpoint).runs_foreign_code is runs
