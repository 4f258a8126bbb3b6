"""A real Ray cluster of two nodes on this machine, two declared GPUs each, that is gone when the tests are."""

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.patience import PATIENCE_S

NODES = ("n1", "n2")


@dataclass
class RayCluster:
    """Two nodes started by ``python``'s Ray; the first is the head. Only processes that it started are ever ended."""

    folder: Path
    python: Path
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of each node
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # words before a node's command
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _port: int = 0

    @property
    def address(self) -> str:
        """What a driver must be told."""
        return f"127.0.0.1:{self._port}"

    def environment(self) -> dict[str, str]:
        """The environment that a driver and every node need: the cluster refuses all others."""
        token = self.folder / "token"
        if not token.exists():
            token.write_text(secrets.token_hex(32), encoding="ascii")
            token.chmod(0o600)
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "HF_HUB_OFFLINE": "1",
        }

    def start(self) -> None:
        """Start both nodes, and return when both have joined."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        # It contains sockets, whose paths can have at most 107 characters.
        head = ["--head", f"--port={self._port}", "--include-dashboard=false", f"--temp-dir={self.folder}/r"]
        self._start("n1", head)
        self._start("n2", [f"--address={self.address}"])

    def kill(self, node: str) -> None:
        """End everything of a node at once, as a power cut would."""
        process = self._processes.pop(node)
        family = descendants(process.pid)
        for pid in (process.pid, *family):
            _kill(pid)
        process.wait()

    def stop(self) -> None:
        """End the cluster, the head last."""
        for node in reversed(list(self._processes)):
            self.kill(node)

    def start_missing(self) -> None:
        """Let the second node join again where it was killed."""
        if "n2" not in self._processes:
            self._start("n2", [f"--address={self.address}"])

    def _start(self, node: str, options: list[str]) -> None:
        log = self.folder / f"{node}.log"
        with log.open("wb") as stream:
            self._processes[node] = process = subprocess.Popen(
                [
                    *self.before.get(node, ()), str(self.python), "-m",
                    "ray.scripts.scripts", "start", *options, "--node-ip-address=127.0.0.1", "--num-gpus=2",
                    "--num-cpus=2", "--disable-usage-stats", "--object-store-memory=80000000", "--block",
                ],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
                env=os.environ | self.environment() | dict(self.variables.get(node, {})),
            )  # fmt: skip
        deadline_s = time.monotonic() + PATIENCE_S
        while b"Ray runtime started" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise RuntimeError(f"ray node {node}: {log.read_text()[-2000:]}")
            time.sleep(0.1)


def descendants(ancestor: int) -> list[int]:
    """The processes below ``ancestor``, in whatever session or group they are."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found, added = {ancestor}, True
    while added:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found |= new
        added = bool(new)
    return sorted(found - {ancestor})


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
