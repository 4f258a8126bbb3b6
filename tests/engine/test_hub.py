import http.server
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from energy_score.engine import hub
from energy_score.engine.hub import go_offline_if_unreachable
from tests.support.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "")  # so that the variable is put back whatever the test does


@pytest.fixture
def silent_address() -> Iterator[str]:
    """A server that accepts and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)  # answers 501 to all
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(hub, "_PROBE_S", PATIENCE_S)
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    go_offline_if_unreachable()
    server.shutdown()
    server.server_close()
    assert os.environ["HF_HUB_OFFLINE"] == ""


def test_a_hub_that_refuses_or_keeps_silent_is_given_up(monkeypatch: pytest.MonkeyPatch, silent_address: str) -> None:
    assert hub._PROBE_S <= 3
    monkeypatch.setattr(hub, "_PROBE_S", 0.2)
    for address in ("http://127.0.0.1:9", silent_address):
        monkeypatch.setenv("HF_HUB_OFFLINE", "")
        monkeypatch.setenv("HF_ENDPOINT", address)
        go_offline_if_unreachable()  # the silent one would hold it for ever
        assert os.environ["HF_HUB_OFFLINE"] == "1"
