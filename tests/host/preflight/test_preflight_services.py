"""Facts about the endpoint, the Hub and the container engine, with servers of the tests' own."""

import sys

import pytest

from energy_score.contract.endpoint_address import is_loopback
from energy_score.host.preflight import services
from tests.support.stand_in_server import answering, unused_port


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HF_HUB_OFFLINE",
        "HF_ENDPOINT",
        "DOCKER_HOST",
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


def test_a_server_on_this_machine_is_told_with_its_models() -> None:
    with answering(200, b'{"data": [{"id": "tiny/m"}, {"id": "tiny/n"}, {"id": 3}, "x"]}') as address:
        (check,) = services.endpoint_checks(f"{address}/v1/")
    assert check.status == "ok"
    assert check.found.endswith("serves tiny/m, tiny/n")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"data": 3}', b"\xff", b"[" * 100_000])
def test_an_answer_that_names_no_model_is_no_fault_of_the_program(body: bytes) -> None:
    with answering(200, body) as address:
        (check,) = services.endpoint_checks(f"{address}/v1")
    assert check.found.endswith("serves no models")


def test_another_path_of_a_server_is_told_with_its_status() -> None:
    with answering(404) as address:
        (check,) = services.endpoint_checks(address)
    assert check.status == "warning"
    assert "HTTP 404" in check.found
    assert "/v1" in check.remedy


@pytest.mark.parametrize(
    "endpoint", ["", "localhost:8000", "ftp://localhost/v1", "http://", "http://h:port/v1", "file:///etc/x"]
)
def test_what_is_no_address_is_refused_in_words(endpoint: str) -> None:
    (check,) = services.endpoint_checks(endpoint)
    assert check.status == "warning"
    assert "no answer" in check.found


def test_a_port_that_nothing_listens_on_says_how_to_go_on() -> None:
    (check,) = services.endpoint_checks(f"http://localhost:{unused_port()}/v1")
    assert check.status == "warning"
    assert "Connection refused" in check.found
    assert "a server is only needed for --backend vllm" in check.remedy


def test_a_server_elsewhere_cannot_be_measured_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_get", lambda *_, **__: b'{"data": [{"id": "m"}]}')
    (check,) = services.endpoint_checks("http://gpu-server:8000/v1")
    assert check.status == "warning"
    assert "not on this machine" in check.found


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.2:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://a.localhost/v1", True),
        ("http://localhost.example.com/v1", False),
        ("http://10.0.0.1/v1", False),
        ("https://host/v1", False),
    ],
)
def test_loopback_addresses_are_known(url: str, *, is_here: bool) -> None:
    assert is_loopback(url) is is_here


@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_hub_that_answers_at_all_can_be_reached(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with answering(status) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        (check,) = services.hub_checks()
    assert check.status == "ok"


def test_a_hub_that_is_not_there_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused_port()}")
    (check,) = services.hub_checks()
    assert check.status == "warning"
    assert "--prompts-file" in check.remedy


def test_offline_mode_is_told_without_asking_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (check,) = services.hub_checks()
    assert "HF_HUB_OFFLINE" in check.found


def test_without_the_docker_package_both_ways_out_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    engine, image = services.container_checks("ai_energy_score")
    assert engine.status == image.status == "warning"
    assert "pip install" in engine.remedy
    assert "--executor local" in engine.remedy


def test_without_an_engine_both_ways_out_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{unused_port()}")
    engine, image = services.container_checks("ai_energy_score")
    assert "systemctl start docker" in engine.remedy
    assert "--executor local" in engine.remedy
    assert image.found == "ai_energy_score: unknown without a container engine"
