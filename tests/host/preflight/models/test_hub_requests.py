"""Facts about single questions to the Hub, asked of the stand-in by the real library."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from energy_score.host.preflight.models.facts import Absence
from energy_score.host.preflight.models.hub_requests import AbsentError, HubRequests, said
from tests.host.preflight.models.conftest import ask
from tests.support.model_cases import GOOD, SMALL, model
from tests.support.model_hub import COMMIT, HubModel, ModelHub, head, model_hub
from tests.support.stand_in_server import QuietHandler, serving

MANY = {f"w{number}": ("BF16", [2, 3]) for number in range(4000)}  # a head of more than 100,001 bytes
MODELS = {
    "lab/good": GOOD,
    "lab/gated": replace(GOOD, gated=True),
    "lab/broken": replace(GOOD, status=500),
    "lab/many": model(weights={"model.safetensors": head(**MANY)}),
    "lab/no-head": HubModel(files={"model.safetensors": b"\xff" * 200_000}),
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    with model_hub(MODELS) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "60")  # nothing here is about time
        yield hub


@contextlib.contextmanager
def absent(absence: Absence, told: str) -> Iterator[None]:
    with pytest.raises(AbsentError, match=told) as raised:
        yield
    assert raised.value.absence == absence


def requests() -> HubRequests:
    return HubRequests(heads_limit_s=600)


def test_a_repository_is_told_with_its_commit_and_the_sizes_of_its_files(hub: ModelHub) -> None:
    info = requests().info("lab/good", None)
    assert info.sha == COMMIT
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    assert sizes["config.json"] == len(SMALL["config.json"])


def test_a_small_file_is_read_as_text(hub: ModelHub) -> None:
    assert requests().text("lab/good", "config.json", COMMIT).encode() == SMALL["config.json"]


@pytest.mark.parametrize(
    ("name", "revision", "absence", "told"),
    [
        ("lab/nowhere", None, "missing", "the Hub answered 40"),
        ("lab/good", "v9", "revision", "404"),
        ("lab/broken", None, "unknown", "the Hub answered 500"),
        ("no id//at all", None, "missing", "not a valid Hub id"),
    ],
)
def test_what_the_hub_says_instead_of_an_answer_is_told_apart(
    hub: ModelHub, name: str, revision: str | None, absence: Absence, told: str
) -> None:
    with absent(absence, told):
        requests().info(name, revision)


def test_a_file_that_a_gated_repository_keeps_back_is_told_as_such(hub: ModelHub) -> None:
    with pytest.raises(AbsentError) as raised:
        requests().text("lab/gated", "config.json", COMMIT)
    assert raised.value.is_gated


def test_the_tensors_of_a_long_head_are_read_by_ranges_of_it_alone(hub: ModelHub) -> None:
    tensors, fault = requests().tensors("lab/many", ("model.safetensors",), COMMIT)
    assert fault == ""
    assert len(tensors or ()) == len(MANY)
    assert {tensor.element_count for tensor in tensors or ()} == {6}
    asked = [line for line in hub.requests if "model.safetensors" in line]
    assert [line.startswith("GET range ") for line in asked] == [True, True]  # what most heads have, then all of it


def test_what_is_no_head_is_told_and_no_tensors_are_known(hub: ModelHub) -> None:
    tensors, fault = requests().tensors("lab/no-head", ("model.safetensors",), COMMIT)
    assert tensors is None
    assert "model.safetensors: no safetensors header" in fault


def test_a_hub_that_hangs_up_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class HangingUp(QuietHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.close_connection = True

    with serving(HangingUp) as address:
        ask(monkeypatch, address, tmp_path)
        silent = requests()
        with absent("unknown", "the Hub does not answer"):
            silent.info("lab/good", None)
        assert silent.silence is not None
        before = list(asked)
        with absent("unknown", "the Hub does not answer"):
            silent.text("lab/good", "config.json", COMMIT)
    assert asked == before != []


def test_what_an_error_says_is_its_first_line_or_its_name() -> None:
    assert said(ValueError("\n  first\nsecond")) == "first"
    assert said(ValueError()) == "ValueError"
