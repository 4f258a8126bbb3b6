"""The local executor with small programs in the engine's place."""

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunDirectory
from energy_score.host.executors.executor import Execution
from energy_score.host.executors.local import LocalExecutor, engine_environment
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.record_factory import make_spec

_PYTHON = sys.executable
Run = Callable[..., tuple[Execution, list[Mapping[str, Any]], list[str]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run_program(
        body: str, *, timeout_s: float = PATIENCE_S
    ) -> tuple[Execution, list[Mapping[str, Any]], list[str]]:
        (tmp_path / "engine.py").write_text(f"import json, os, signal, subprocess, sys, time\n{body}\n")
        program = tmp_path / "engine"
        program.write_text(f"#!/bin/sh\nexec '{_PYTHON}' '{tmp_path / 'engine.py'}'\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        events: list[Mapping[str, Any]] = []
        lines: list[str] = []
        execution = LocalExecutor(timeout_s=timeout_s).execute(
            RunDirectory(tmp_path / "run"), spec=make_spec(), on_event=events.append, on_log_line=lines.append
        )
        return execution, events, lines

    return run_program


def test_events_and_log_are_kept_apart(run: Run) -> None:
    execution, events, lines = run(
        "print(json.dumps({'event': 'progress', 'phase': 'full', 'queries_done': 3, 'queries_planned': 9}))\n"
        "print('a library speaks')\n"
        "print('[] 7', flush=True)\n"
        "sys.stderr.write('a log line\\n')"
    )
    assert execution == Execution(exit_code=0)
    assert events == [{"event": "progress", "phase": "full", "queries_done": 3, "queries_planned": 9}]
    assert sorted(lines) == ["[] 7", "a library speaks", "a log line"]


def test_exit_status_and_signal_are_kept(run: Run) -> None:
    assert run("sys.exit(7)")[0].exit_code == 7
    assert run("os.kill(os.getpid(), signal.SIGSEGV)")[0].exit_code == -signal.SIGSEGV


@pytest.fixture
def time_is_up_when_it_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout of a run, 77 s, is over when its program has made the file "ready"."""

    class Child(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            if timeout == 77:
                wait_until(lambda: (tmp_path / "ready").exists() or self.poll() is not None)
                raise subprocess.TimeoutExpired(self.args, timeout)
            return super().wait(timeout)

    monkeypatch.setattr("energy_score.host.executors.local.subprocess.Popen", Child)


@pytest.mark.usefixtures("time_is_up_when_it_is_ready")
def test_a_run_past_its_timeout_is_stopped_with_its_children(run: Run, tmp_path: Path) -> None:
    execution, _, lines = run(
        "child = subprocess.Popen(['sleep', '3600'])\n"
        "sys.stderr.write(f'{child.pid}\\n'); sys.stderr.flush()\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\n"
        "time.sleep(3600)",
        timeout_s=77,
    )
    assert execution.timed_out
    assert execution.exit_code == -signal.SIGTERM
    wait_until(lambda: has_ended(int(lines[0])))


@pytest.mark.usefixtures("time_is_up_when_it_is_ready")
def test_a_run_that_ignores_the_request_to_stop_is_killed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("energy_score.host.executors.local._GRACE_S", 0.5)
    execution, _, _ = run(
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen({str(tmp_path / 'ready')!r}, 'w').close()\n"
        "time.sleep(3600)",
        timeout_s=77,
    )
    assert (execution.timed_out, execution.exit_code) == (True, -signal.SIGKILL)


def test_children_that_outlive_the_engine_are_killed(run: Run) -> None:
    _, _, lines = run("child = subprocess.Popen(['sleep', '3600'])\nprint(child.pid)")
    wait_until(lambda: has_ended(int(lines[0])))


def has_ended(process_id: int) -> bool:
    try:
        return bool(psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_the_engine_starts_in_an_empty_directory_that_is_gone_afterwards(run: Run) -> None:
    _, _, lines = run("print(os.getcwd(), os.listdir('.'), os.getsid(0) == os.getpid())")
    folder, contents, own_session = lines[0].rsplit(" ", 2)
    assert (contents, own_session) == ("[]", "True")
    assert not Path(folder).exists()


def test_an_engine_gets_only_the_environment_it_needs() -> None:
    needed = {"PATH": "/bin", "HF_TOKEN": "t", "CUDA_VISIBLE_DEVICES": "1"}
    given = needed | {"AWS_SECRET_ACCESS_KEY": "s", "PYTHONPATH": "x"}
    passed_on = engine_environment(given)
    assert needed.items() <= passed_on.items()
    assert "AWS_SECRET_ACCESS_KEY" not in passed_on
    assert Path(passed_on["PYTHONPATH"], "energy_score", "engine", "__main__.py").exists()


def test_missing_packages_are_named_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    LocalExecutor(timeout_s=1).check(backend="pytorch")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentNotReadyError, match=r"torch and transformers.*pip install"):
        LocalExecutor(timeout_s=1).check(backend="pytorch")


def test_a_run_at_an_endpoint_needs_a_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    stack = ("torch", "transformers")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in stack else find_spec(name))
    LocalExecutor(timeout_s=1).check(backend="vllm")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentNotReadyError, match=r"needs httpx2.*pip install .*\[endpoint\]"):
        LocalExecutor(timeout_s=1).check(backend="vllm")


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_descriptor_is_left_open(run: Run) -> None:
    run("pass")
    before = _open_descriptors()
    run("pass")
    assert _open_descriptors() == before
