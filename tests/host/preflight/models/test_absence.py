"""Facts about a Hub that gives no answer: it costs little, refuses nothing, and the cache is looked at instead."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_score.host.cli.commands.preflight import command
from energy_score.host.preflight.models.facts import Model
from energy_score.host.preflight.models.hub_requests import HubRequests
from energy_score.host.preflight.models.reading import hub_absence, read_models
from tests.host.preflight.models.conftest import ask
from tests.support.model_cases import GOOD, SMALL, hub_models
from tests.support.model_hub import COMMIT, Answer, ModelHub, head, model_hub, write_weights
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.stand_in_server import silent, unused_port


def model(name: str, revision: str | None = None) -> Model:
    return Model(f"lab/{name}", None, revision, "config.json")


def cached(home: Path, name: str = "good") -> Path:
    """What the Hub libraries leave of a model whose small files were read."""
    repository = home / "hub" / f"models--lab--{name}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for file, data in SMALL.items():
        (snapshot / file).write_bytes(data)
    return snapshot


def hold(patch: pytest.MonkeyPatch, beginning: str, ending: str = "") -> threading.Event:
    """Until the event that is returned, requests that begin and end so are not answered."""
    whole, go_on = ModelHub.answer, threading.Event()

    def answer(self: ModelHub, target: str, token: str | None) -> Answer:
        if target.startswith(beginning) and target.endswith(ending):
            go_on.wait(PATIENCE_S)
        return whole(self, target, token)

    patch.setattr(ModelHub, "answer", answer)
    return go_on


def test_a_hub_that_is_too_slow_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = hold(monkeypatch, "/api/models/")
    names = [f"slow{number}" for number in range(20)]
    with model_hub({f"lab/{name}": GOOD for name in names}) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "0.5")
        facts = read_models([model(name) for name in names], hub=hub_absence(), limit_s=PATIENCE_S)
        go_on.set()
    # Eight at a time: all of them may be waiting when the first is given up, and no other is asked about.
    assert len([request for request in hub.requests if "/api/models/" in request]) <= 8
    assert {one.absence for one in facts.values()} == {"unknown"}
    assert all("does not answer" in one.detail for one in facts.values())


def test_all_models_together_have_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = hold(monkeypatch, "/api/models/")
    with model_hub({"lab/good": GOOD}) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        [facts] = read_models([model("good")], hub=None, limit_s=0.1).values()
        go_on.set()
    assert facts.detail == "no answer within 0.1 s"


def test_after_one_file_that_did_not_come_no_other_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, whole = hold(monkeypatch, "/lab/good/resolve/", "config.json"), HubRequests._text

    def impatient(self: HubRequests, model_id: str, name: str, commit: str) -> str:
        self._timeout_s = 0.5  # of files alone: the model itself may be told of as slowly as the machine wants
        return whole(self, model_id, name, commit)

    monkeypatch.setattr(HubRequests, "_text", impatient)
    with model_hub({"lab/good": GOOD}) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        [facts] = read_models([model("good")], hub=None, limit_s=PATIENCE_S).values()
        wait_until(lambda: any("/resolve/" in request for request in hub.requests))
        go_on.set()
    assert [request for request in hub.requests if "/resolve/" in request] == [
        f"GET /lab/good/resolve/{COMMIT}/config.json"
    ]
    assert (facts.index_fault or "").startswith("unknown: the Hub does not answer")


def test_a_head_that_does_not_come_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, limits_s = hold(monkeypatch, "/lab/good/resolve/", ".safetensors"), []

    def impatient(*, heads_limit_s: float) -> HubRequests:
        limits_s.append(heads_limit_s)
        return HubRequests(heads_limit_s=0.5)

    monkeypatch.setattr("energy_score.host.preflight.models.hub.HubRequests", impatient)
    with model_hub({"lab/good": GOOD}) as hub:
        before = set(threading.enumerate())
        ask(monkeypatch, hub.address, tmp_path)
        [facts] = read_models([model("good")], hub=None, limit_s=PATIENCE_S).values()
        # The program waits at its end for threads that are not daemons, and for all of concurrent.futures.
        left = [thread for thread in threading.enumerate() if thread not in before]
        go_on.set()
    assert (facts.index or {})["model_type"] == "llama"  # what else is known is told
    assert limits_s == [PATIENCE_S / 2]
    assert (facts.tensors, facts.tensors_fault) == (None, "no complete answer about its weights within 0.5 s")
    assert [thread for thread in left if not thread.daemon or "ThreadPoolExecutor" in thread.name] == []


@pytest.mark.parametrize("kind", ["refused", "offline", "no package"])
def test_the_command_ends_with_3_and_says_why(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, f"http://127.0.0.1:{unused_port()}", tmp_path)
    if kind == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if kind == "no package":
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    done = CliRunner().invoke(command, ["lab/good", "--output-dir", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 3
    expected = {"refused": "Connection refused", "offline": "HF_HUB_OFFLINE", "no package": "-e '.[reports]'"}[kind]
    assert "the Hub could not be asked: " in done.stderr
    assert expected in done.stderr
    assert "warn  exists  unknown: " in done.stdout


def test_a_setting_that_the_hubs_library_cannot_read_is_told() -> None:
    asked = "from energy_score.host.preflight.models.reading import hub_absence; print(hub_absence())"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=os.environ | {"HF_HUB_ETAG_TIMEOUT": "5s"}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "invalid setting of huggingface_hub" in done.stdout, done.stderr
    assert "'5s'" in done.stdout


def test_a_hub_that_accepts_and_never_answers_costs_the_probe_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent() as address:
        ask(monkeypatch, f"http://{address}", tmp_path)
        monkeypatch.setattr("energy_score.host.preflight.services._SERVER_TIMEOUT_S", 0.3)
        assert "timed out" in (hub_absence() or "")  # it would hold whoever waits for it for ever


def test_offline_the_cached_files_are_judged_and_what_is_missing_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(monkeypatch, "http://127.0.0.1:9", tmp_path)
    snapshot = cached(tmp_path)
    [facts] = read_models([model("good")], hub="offline", limit_s=PATIENCE_S).values()
    assert (facts.where, facts.commit, facts.cached, facts.download_bytes) == ("cache", COMMIT, False, None)
    assert (facts.index or {})["model_type"] == "llama"
    write_weights(snapshot / "model.safetensors", head(weight=("BF16", [7 * 10**9])))
    [facts] = read_models([model("good", COMMIT)], hub="offline", limit_s=PATIENCE_S).values()
    assert facts.cached
    assert facts.tensors is not None


def test_what_is_in_the_cache_is_not_downloaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with model_hub(hub_models()) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        [facts] = read_models([model("disk-too-small")], hub=None, limit_s=PATIENCE_S).values()
        before = facts.download_bytes or 0
        (cached(tmp_path, "disk-too-small") / "model.safetensors").write_bytes(b"")
        [facts] = read_models([model("disk-too-small")], hub=None, limit_s=PATIENCE_S).values()
    assert before > 10**17
    assert facts.download_bytes == 0


def test_what_the_cache_holds_of_another_commit_is_not_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = hub_models()
    weights = models["lab/disk-too-small"].files["model.safetensors"]
    blobs = tmp_path / "hub" / "models--lab--disk-too-small" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / hashlib.sha256(weights).hexdigest()).write_bytes(b"")
    with model_hub(models) as hub:
        ask(monkeypatch, hub.address, tmp_path)
        [facts] = read_models([model("disk-too-small")], hub=None, limit_s=PATIENCE_S).values()
    assert not facts.cached
    assert 0 < (facts.download_bytes or 0) < 10**6
