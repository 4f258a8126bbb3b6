"""The function that Ray calls on a node: runs the worker as a child process, in the output directory or a local one.

Imports nothing of Ray, and no package except pydantic's records before it is called.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import energy_score
from energy_score.contract.run_directory import RunDirectory
from energy_score.host.cluster.task_list import TaskList

# A blocking wait cannot be cancelled: Ray raises in Python code, between two checks.
_POLL_S = 0.3
# A little longer than an executor takes to stop what it started.
_GRACE_S = 30.0

LIST_FILE = "list.json"


@dataclass(frozen=True)
class RayOrder:
    """One run as it is sent to a node: everything as text, so that nodes need no shared folder.

    ``probe_file`` in the output directory contains ``probe``: a node that reads it there shares that directory.
    """

    listed: str
    index: int
    probe_file: str
    probe: str
    config: str
    spec: str


def execute(order: RayOrder, job: str) -> Mapping[str, bytes] | None:
    """Execute one run on this node; return None if its files are in the output directory, else the files by path."""
    listed = TaskList.model_validate_json(order.listed)
    if shares_output(order):
        _run_worker(listed.file, order.index, job)
        return None
    with tempfile.TemporaryDirectory(prefix="energy-score-node-") as folder:
        output = Path(folder) / "output"
        here = listed.model_copy(update={"output_directory": str(output)})
        directory = RunDirectory(output / "individual_runs" / listed.tasks[order.index].name)
        directory.path.mkdir(parents=True)
        directory.config_file.write_text(order.config, encoding="utf-8")
        directory.spec_file.write_text(order.spec, encoding="utf-8")
        list_file = Path(folder) / LIST_FILE
        here.write(list_file)
        _run_worker(list_file, order.index, job)
        return files_in(output)


def shares_output(order: RayOrder) -> bool:
    """Return whether the driver's output directory is also this node's."""
    try:
        return Path(order.probe_file).read_text(encoding="ascii") == order.probe
    except OSError:
        return False


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file in ``folder`` by its path there, without the reserve for full disks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _run_worker(list_file: Path, index: int, job: str) -> None:
    """Run the worker; it is stopped when Ray cancels, and dies with this process."""
    package_parent = str(Path(energy_score.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
    worker = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [
            sys.executable,
            "-m",
            "energy_score.host.cluster.worker",
            "--end-with-stdin",
            "--list",
            str(list_file),
            "--index",
            str(index),
            "--job",
            job,
        ],
        stdin=subprocess.PIPE,  # closing it tells the worker that this process is gone
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        while worker.poll() is None:
            _wait_for_worker(worker, _POLL_S)
    except BaseException:
        worker.send_signal(signal.SIGTERM)
        _wait_for_worker(worker, _GRACE_S)
        raise
    finally:
        worker.kill()
        worker.wait()
        if worker.stdin is not None:
            worker.stdin.close()


def _wait_for_worker(worker: "subprocess.Popen[bytes]", timeout_s: float) -> None:
    try:
        worker.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return
