"""Facts about answers that no Hub gives: they are unknown, and cost little."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from energy_score.host.preflight.models.facts import Model, ModelFacts
from energy_score.host.preflight.models.judgement import RULES
from energy_score.host.preflight.models.reading import read_models
from energy_score.host.preflight.models.rules.rule import Question
from energy_score.host.preflight.models.surroundings import Surroundings
from tests.host.preflight.models.conftest import ask
from tests.support.model_cases import GOOD, as_json
from tests.support.model_hub import COMMIT, Answer, HubModel, ModelHub, model_hub
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import make_config, make_spec

NESTED = b"[" * 90_000


def facts_where(
    patch: pytest.MonkeyPatch, home: Path, answers: dict[str, Answer], *, model: HubModel = GOOD
) -> ModelFacts:
    """What is read of a good model where requests of such endings are answered so."""
    usual = ModelHub.answer

    def answer(self: ModelHub, target: str, token: str | None) -> Answer:
        path = target.partition("?")[0]
        return next((given for ending, given in answers.items() if path.endswith(ending)), usual(self, target, token))

    patch.setattr(ModelHub, "answer", answer)
    with model_hub({"lab/good": model}) as hub:
        ask(patch, hub.address, home)
        [facts] = read_models([Model("lab/good", None, None, "config.json")], hub=None, limit_s=PATIENCE_S).values()
    return facts


def test_an_answer_that_is_nested_too_deeply_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = facts_where(monkeypatch, tmp_path, {"/api/models/lab/good": Answer(200, NESTED)})
    assert (facts.absence, "cannot be read" in facts.detail) == ("unknown", True)


@pytest.mark.parametrize(
    "header", [NESTED, b"[]", b'{"w": {"dtype": "BF16", "shape": [-5, 3], "data_offsets": [0, 30]}}']
)
def test_a_head_that_is_none_is_unknown(header: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = Answer(200, len(header).to_bytes(8, "little") + header)
    facts = facts_where(monkeypatch, tmp_path, {".safetensors": head})
    assert facts.absence is None
    assert facts.tensors is None
    assert "cannot be read" in (facts.tensors_fault or "")


def test_no_more_than_the_head_is_read_where_a_server_knows_no_ranges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = GOOD.files["model.safetensors"]
    whole = Answer(203, head + bytes(2**25))  # the stand-in cuts what it answers with 200
    tracemalloc.start()
    facts = facts_where(monkeypatch, tmp_path, {".safetensors": whole})
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [tensor.element_count for tensor in facts.tensors or ()] == [7 * 10**9]
    assert most_bytes < 2**24


def test_access_is_unknown_where_no_file_of_a_gated_model_could_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = facts_where(
        monkeypatch,
        tmp_path,
        {"config.json": Answer(500, b""), ".safetensors": Answer(500, b"")},
        model=replace(GOOD, gated=True),
    )
    found = RULES["access"](Question(facts, make_config(), make_spec(), Surroundings()))
    assert found is not None
    assert (found.status, found.bars_run) == ("warn", False)
    assert "unknown whether this login has access" in found.found


def test_a_token_that_the_hub_does_not_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Answer(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
    facts = facts_where(monkeypatch, tmp_path, {"/api/models/lab/good": wrong})
    assert facts.absence == "unknown"
    assert "does not accept this login's token; log in again" in facts.detail


def test_a_disabled_repository_still_has_an_entry_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"id": "lab/good", "sha": COMMIT, "disabled": True, "siblings": [{"rfilename": "config.json", "size": 2}]}
    facts = facts_where(monkeypatch, tmp_path, {"/api/models/lab/good": Answer(200, as_json(entry))})
    assert facts.absence == "disabled"
