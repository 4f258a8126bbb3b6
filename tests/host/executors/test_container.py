"""Facts about one container, with the real SDK asking a stand-in for the engine: no container is made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from docker import APIClient

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.host.executors.container import Container, innermost, remove
from energy_score.host.executors.container_settings import ContainerSettings
from energy_score.host.executors.container_stream import ContainerStream
from energy_score.host.executors.executor import Execution
from tests.support.stand_in_server import QuietHandler, serving, unused_port

API_VERSION = "1.44"
SETTINGS = ContainerSettings(command=["--spec", "x"], environment={"A": "b"}, host_config={"network_mode": "none"})
NO_SUCH = {"message": "No such container: run-1"}


@dataclass
class Engine:
    """A stand-in for a container engine; ``answers`` replace what it says, by method and last part of the path."""

    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=lambda: {"ExitCode": 0, "OOMKilled": False})
    asked: list[str] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        action = f"{method} {path.partition('?')[0].rpartition('/')[2]}"
        self.asked.append(action)
        if action in self.answers:
            return self.answers[action]
        if action == "POST create":
            self.made = json.loads(body)
            return 201, {"Id": "c0ffee", "Warnings": []}
        if action == "POST wait":
            return 200, {"StatusCode": self.state["ExitCode"]}
        return (200, {"State": self.state}) if action == "GET json" else (204, {})


@contextmanager
def answering(engine: Engine) -> Iterator[APIClient]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.partition("?")[0].endswith("/attach"):
                self.send_response(101)
                self.send_header("Connection", "Upgrade")
                self.send_header("Upgrade", "tcp")
                self.end_headers()
                self.close_connection = True
                return
            status, answer = engine.answer(self.command, self.path, body)
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def do_DELETE(self) -> None:  # noqa: N802 - the standard library looks for it by this name
            self.do_POST()

    with serving(Handler) as address:
        client = APIClient(base_url=address.replace("http:", "tcp:"), version=API_VERSION)
        try:
            yield client
        finally:
            client.close()


def container(api: APIClient) -> Container:
    return Container(api, name="run-1", stream=ContainerStream(lambda _: None, lambda _: None))


def test_a_container_is_made_as_its_settings_say_and_is_gone_afterwards_whatever_happened() -> None:
    engine = Engine()
    with (
        answering(engine) as api,
        pytest.raises(RuntimeError, match="in between"),
        container(api).created("image", SETTINGS, labels={"run": "1"}, user="1000:1000"),
    ):
        raise RuntimeError("in between")
    assert engine.asked == ["POST create", "DELETE run-1"]
    assert (engine.made["Image"], engine.made["Cmd"], engine.made["Env"]) == ("image", ["--spec", "x"], ["A=b"])
    assert (engine.made["Labels"], engine.made["User"]) == ({"run": "1"}, "1000:1000")
    assert engine.made["HostConfig"]["NetworkMode"] == "none"
    assert engine.made["StdinOnce"] is True  # its input ends with its owner


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("no space left", r"^container could not be made: no space left$"),
        ("could not select device driver", "install the NVIDIA Container Toolkit .*--executor local$"),
    ],
)
def test_what_the_engine_refuses_is_told_with_the_remedy_where_one_is_known(message: str, told: str) -> None:
    engine = Engine({"POST create": (500, {"message": message})})
    with (
        answering(engine) as api,
        pytest.raises(EnvironmentNotReadyError, match=told),
        container(api).created("image", SETTINGS, labels={}, user=""),
    ):
        pass


def test_an_engine_that_is_not_there_is_told_with_both_ways_out() -> None:
    api = APIClient(base_url=f"tcp://127.0.0.1:{unused_port()}", version=API_VERSION)
    with (
        pytest.raises(
            EnvironmentNotReadyError,
            match=r"container engine does not answer "
            r"\(.*refused.*--executor local$",
        ),
        container(api).created("image", SETTINGS, labels={}, user=""),
    ):
        pass
    api.close()


@pytest.mark.parametrize(
    ("state", "execution"),
    [
        ({"ExitCode": 0, "OOMKilled": False}, Execution(exit_code=0)),
        ({"ExitCode": 3, "OOMKilled": False}, Execution(exit_code=3)),
        ({"ExitCode": 137, "OOMKilled": False}, Execution(exit_code=-9)),
        ({"ExitCode": 128, "OOMKilled": False}, Execution(exit_code=128)),  # no signal has the number 0
        ({"ExitCode": 192, "OOMKilled": False}, Execution(exit_code=-64)),
        ({"ExitCode": 193, "OOMKilled": False}, Execution(exit_code=193)),
        ({"ExitCode": 137, "OOMKilled": True}, Execution(exit_code=-9, out_of_memory=True)),
        ({"ExitCode": 0, "OOMKilled": True}, Execution(exit_code=0)),  # a child alone was killed
    ],
)
def test_how_a_container_ended_is_told_as_of_a_process(state: dict[str, Any], execution: Execution) -> None:
    engine = Engine(state=state)
    with answering(engine) as api:
        assert container(api).run(timeout_s=600) == execution
    assert engine.asked == ["POST start", "POST wait", "GET json"]


def test_a_container_that_was_removed_by_another_hand_is_lost() -> None:
    with answering(Engine({"POST wait": (404, NO_SUCH)})) as api:
        assert container(api).run(timeout_s=600) == Execution(exit_code=None, engine_lost=True)


@pytest.mark.parametrize(("status", "warns"), [(204, False), (404, False), (409, False), (500, True)])
def test_a_container_that_is_gone_or_going_is_no_fault_and_one_that_stays_is_told(
    caplog: pytest.LogCaptureFixture, status: int, *, warns: bool
) -> None:
    with answering(Engine({"DELETE run-1": (status, NO_SUCH)})) as api:
        remove(api, "run-1")
    assert ("could not remove a container" in caplog.text) is warns


def test_a_signal_to_a_container_that_has_ended_is_no_fault() -> None:
    engine = Engine({"POST kill": (409, {"message": "is not running"})})
    with answering(engine) as api:
        container(api).signal("SIGTERM")
    assert engine.asked == ["POST kill"]


def test_the_innermost_error_is_what_the_system_said() -> None:
    outer = RuntimeError("the library's words")
    outer.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert innermost(outer) == "[Errno 111] Connection refused"
    assert innermost(RuntimeError(outer)) == "[Errno 111] Connection refused"
    assert innermost(RuntimeError(ValueError())) == "ValueError"
