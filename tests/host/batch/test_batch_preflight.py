"""Facts about the rows that a batch refuses before it begins."""

from pathlib import Path

import pytest

from energy_score.contract.prompt_plan import PromptPlan
from energy_score.host.batch.plan import RefusedRun, ResolvedRun
from energy_score.host.batch.preflight import run_preflight
from energy_score.host.preflight.models.facts import Model
from energy_score.host.preflight.models.judgement import check_rules
from energy_score.host.preflight.models.reading import read_models
from energy_score.host.preflight.models.rules.rule import Question
from energy_score.host.preflight.models.surroundings import Surroundings
from tests.host.preflight.models.conftest import ask
from tests.host.preflight.models.test_absence import cached
from tests.support.model_cases import hub_models
from tests.support.model_hub import model_hub
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import make_config, make_spec

HERE = Surroundings(model_types=frozenset({"llama"}), free_bytes=10**12)


def planned(model_id: str, **spec: object) -> ResolvedRun:
    plain = {"model_id": model_id, "revision": None, "model_class": "A", "prompt_plan": PromptPlan()}
    return ResolvedRun(model_id, make_config(model_id=model_id), make_spec(**(plain | spec)))


def test_rows_that_cannot_succeed_are_refused_and_what_bars_a_submission_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("good", "missing", "adapter", "own-code", "gated-without", "no-card", "server-error")
    with model_hub(hub_models()) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        found = run_preflight(
            [planned(f"lab/{name}") for name in names], is_pending=lambda _: True, here=HERE, sheet_name="my.csv"
        )
    refused = {run.name.removeprefix("lab/"): run.refusal for run in found.plan if isinstance(run, RefusedRun)}
    assert set(refused) == {"missing", "adapter", "own-code", "gated-without"}
    assert all(text.startswith("my.csv:2: preflight: ") for text in refused.values())
    assert all("(to run it anyway: --no-preflight)" in text for text in refused.values())
    assert found.notes == (
        "preflight: no answer from the Hub about lab/server-error (the Hub answered 500); checked from the cache",
        "preflight: lab/no-card would not be accepted as a submission: card, licence",
    )


def test_rows_that_are_done_ask_a_server_or_are_another_packages_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = [
        planned("lab/missing"), planned("lab/missing", backend="vllm", endpoint="http://localhost:8000/v1"),
        planned("lab/missing", backend="toy"),
    ]  # fmt: skip
    with model_hub({}) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        found = run_preflight(plan, is_pending=lambda run: run is not plan[0], here=HERE, sheet_name="my.csv")
        assert hub.requests == []
    assert list(found.plan) == plan


def test_a_hub_that_cannot_be_asked_refuses_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(monkeypatch, "http://127.0.0.1:9", tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    plan = [planned("lab/a"), planned("lab/b")]
    found = run_preflight(plan, is_pending=lambda _: True, here=HERE, sheet_name="my.csv")
    assert list(found.plan) == plan
    [note] = found.notes
    assert note.startswith("preflight: the Hub was not asked (offline")
    assert note.endswith("2 models are checked from the cache")


def test_one_request_serves_every_row_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with model_hub(hub_models()) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        rows = [planned("lab/good", reasoning_state=state) for state in ("", "Off", "On")]
        run_preflight(rows, is_pending=lambda _: True, here=HERE, sheet_name="my.csv")
        assert sum("/api/models/lab/good" in request for request in hub.requests) == 1


@pytest.mark.parametrize("files", [(), ("tokenizer.json",), ("config.json", "tokenizer.json", "tokenizer_config.json")])
def test_a_hub_that_does_not_answer_refuses_nothing_that_the_cache_has_in_part(
    files: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = cached(tmp_path, "server-error")
    for file in snapshot.iterdir():
        if file.name not in files:
            file.unlink()
    plan = [planned("lab/server-error", prompt_plan=PromptPlan(chat_template_kwargs={"enable_thinking": False}))]
    with model_hub(hub_models()) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        found = run_preflight(plan, is_pending=lambda _: True, here=HERE, sheet_name="my.csv")
        broken = Model("lab/server-error", None, None, "config.json")
        [facts] = read_models([broken], hub=None, limit_s=PATIENCE_S).values()
    assert list(found.plan) == plan
    assert len(found.notes) == 1
    findings = check_rules(Question(facts, plan[0].config, make_spec(), HERE))
    assert [one.name for one in findings if one.status == "fail"] == []
