"""A server that the run starts: waited for, stopped, and explained where it fails."""

import itertools
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from energy_score.contract.errors import ModelLoadError
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.openai_endpoint import OpenAIEndpointBackend
from energy_score.engine.endpoint import managed_server
from energy_score.engine.endpoint.managed_server import ManagedServer
from tests.support.patience import PATIENCE_S

MakeSpec = Callable[..., RunSpec]

# Serves one model, with a child of its own as servers have workers; {how} says what else it does.
PROGRAM = """
import os, signal, subprocess, sys, time
sys.path.insert(0, {root!r})
from tests.support.endpoint_server import Script, endpoint_server
CHILD = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(3600)"
child = subprocess.Popen([sys.executable, "-c", CHILD])
print("pids", os.getpid(), child.pid, flush=True)
{how}
with endpoint_server(Script(models=(sys.argv[2],)), port=int(sys.argv[1])):
    time.sleep(3600)
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., str]:
    def written(how: str = "") -> str:
        program = tmp_path / "a server.py"
        program.write_text(textwrap.dedent(PROGRAM).format(root=str(Path(__file__).parents[3]), how=how))
        return f"'{sys.executable}' '{program}' {{port}} {{name}}"

    return written


def pids_in(log: str) -> list[int]:
    line = next(line for line in log.splitlines() if "server: pids" in line)
    return [int(word) for word in line.split("pids")[1].split()]


@pytest.mark.parametrize("how", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["obeys", "ignores TERM"])
def test_it_answers_while_the_context_is_open_and_nothing_of_it_is_left(
    make_spec: MakeSpec, command: Callable[..., str], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, how: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(managed_server, "_GRACE_S", 0.5)
    caplog.set_level("INFO")
    backend = OpenAIEndpointBackend(make_spec(backend="vllm", model_id="tiny/x", server_command=command(how)))
    with backend.server:
        backend.load()
        use = backend.server_use()
        backend.close()
        assert (use.managed, use.served_model) == (True, "tiny/x")
        started = [psutil.Process(process_id) for process_id in pids_in(caplog.text)]
        assert all(process.is_running() for process in started)
    assert not psutil.wait_procs(started, timeout=PATIENCE_S)[1]


def test_a_server_that_ends_before_it_answers_is_a_load_failure_with_its_last_words(
    make_spec: MakeSpec, command: Callable[..., str]
) -> None:
    failing = command("child.kill(); print('CUDA out of memory', file=sys.stderr); sys.exit(3)")
    server = ManagedServer(make_spec(backend="vllm", server_command=failing))
    with server, pytest.raises(ModelLoadError, match=r"ended with exit code 3; its last words: .*CUDA out of memory"):
        server.start()


def test_a_server_that_never_answers_is_a_load_failure_in_time(
    make_spec: MakeSpec, command: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_server, "_GRACE_S", 0.5)
    spec = make_spec(backend="vllm", server_command=command("print('loading', flush=True); time.sleep(3600)"))
    server = ManagedServer(spec)
    looks = itertools.count()
    # Its hour is over as soon as it has said its word.
    clock = SimpleNamespace(
        monotonic=lambda: 3601 if next(looks) and "loading" in server._last_words else 0, sleep=time.sleep
    )
    monkeypatch.setattr(managed_server, "time", clock)
    with server, pytest.raises(ModelLoadError, match=r"did not answer within 3600 s; its last words: .*loading"):
        server.start()


def test_a_program_that_is_not_there_is_a_load_failure(make_spec: MakeSpec) -> None:
    server = ManagedServer(make_spec(backend="vllm", server_command="no-such-server --port {port}"))
    with server, pytest.raises(ModelLoadError, match=r"no-such-server: No such file or directory\. Use a"):
        server.start()
