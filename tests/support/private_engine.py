"""A container engine of the tests' own, which may be killed and started again without harm to the machine's."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import docker

from tests.support.patience import PATIENCE_S


@dataclass
class PrivateEngine:
    """An engine below ``folder``, without networks of its own; ``options`` are dockerd's."""

    folder: Path
    options: tuple[str, ...] = ()
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def address(self) -> str:
        """What DOCKER_HOST must be to reach it."""
        return f"unix://{self.folder}/engine.sock"

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.address, version="1.41")  # as 20.10 speaks; auto would ask first

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        for left in ("engine.pid", "exec/containerd/containerd.pid"):  # of a process that may not have been reaped
            (self.folder / left).unlink(missing_ok=True)
        with (self.folder / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # Without a bridge it would take the machine's engine's away: it sees no network but its own.
                    "unshare", "--net", "dockerd", f"--host={self.address}", f"--data-root={self.folder}/data",
                    f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/engine.pid",
                    "--containerd-namespace=energy-score-tests", "--containerd-plugins-namespace=energy-score-plugins",
                    "--bridge=none", "--iptables=false", *self.options,
                ],
                stdout=log, stderr=log, env=os.environ | {"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"},
                start_new_session=True,
            )  # fmt: skip
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            try:
                with contextlib.closing(self.client()) as client:
                    client.ping()
            except (docker.errors.DockerException, OSError):
                time.sleep(0.1)
            else:
                return
        raise RuntimeError((self.folder / "engine.log").read_text()[-2000:])

    def kill(self) -> None:
        """End the engine as a crash would; its containers run on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the engine and what it runs."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.closing(self.client()) as client:
                for container in client.containers.list(all=True):
                    container.remove(force=True)
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_S)
        for mount in reversed(Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()):
            if str(self.folder) in mount.split()[1]:
                subprocess.run(["umount", "-l", mount.split()[1]], check=False)
        shutil.rmtree(self.folder / "data", ignore_errors=True)
