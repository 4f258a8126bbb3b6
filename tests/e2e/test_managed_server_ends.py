"""A server that a run started is gone with the run, whoever is killed."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import ROOT, environment
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

# Answers so slowly that the run is still under way when it is killed.
SERVER = """
import subprocess, sys, time
sys.path.insert(0, {root!r})
from tests.support.endpoint_server import Script, endpoint_server
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
with endpoint_server(Script(models=(sys.argv[2],), latency_s=0.3), port=int(sys.argv[1])):
    time.sleep(3600)
"""


def wait_for_server(batch: "subprocess.Popen[bytes]", output: Path) -> tuple[psutil.Process, list[psutil.Process]]:
    """The engine, and the server with its child, once the run is in its warm-up."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and batch.poll() is None:
        logs = list((output / "logs").glob("*.log"))
        if logs and "stage=warmup" in logs[0].read_text():
            (engine,) = psutil.Process(batch.pid).children()
            return engine, engine.children(recursive=True)
        time.sleep(0.05)
    raise AssertionError(f"the run never reached its warm-up: {batch.poll()}")


@pytest.mark.parametrize("victim", ["batch", "engine", "interrupted"])
def test_no_server_is_left_whoever_is_killed(tmp_path: Path, victim: str) -> None:
    (tmp_path / "server.py").write_text(SERVER.format(root=str(ROOT)))
    (tmp_path / "prompts.txt").write_text("What is energy?\n" * 100)
    (tmp_path / "models.csv").write_text(
        "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\ntiny/model,1,A,text_gen,Off (N/A),\n"
    )
    batch = subprocess.Popen(
        [sys.executable, str(ROOT / "batch_runner.py"), "--executor", "local", "--backend", "vllm", "--managed",
         "--server-command", f"'{sys.executable}' '{tmp_path / 'server.py'}' {{port}} {{name}}",
         "--csv", str(tmp_path / "models.csv"), "--prompts-file", str(tmp_path / "prompts.txt"), "--warmup", "100",
         "--protocol", "quick", "--output-dir", str(tmp_path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    try:
        engine, server = wait_for_server(batch, tmp_path)
        assert len(server) == 2
        if victim == "interrupted":
            batch.terminate()
        else:
            {"batch": batch, "engine": engine}[victim].kill()
        assert not psutil.wait_procs([engine, *server], timeout=PATIENCE_S)[1]
        batch.wait(PATIENCE_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            batch.kill()
        batch.wait(PATIENCE_S)
