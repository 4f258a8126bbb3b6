"""A real Slurm cluster of two nodes on this machine, two declared GPUs each, that is gone when the tests are."""

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.patience import PATIENCE_S
from tests.support.ray_cluster import descendants

NODES = ("n1", "n2")
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
_NULL_DEVICE = os.makedev(1, 3)

# Shorter than usual, so that a lost node is seen and its work queued again within half a minute. Not shorter still: the
# nodes share this machine with the tests, and a node that only starves must not count as lost.
CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/task_prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=30
MessageTimeout=30
KillWait=20
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def missing_commands() -> list[str]:
    """What is not installed here of what a cluster needs."""
    return [name for name in COMMANDS if shutil.which(name) is None]


@dataclass
class SlurmCluster:
    """Munge, one controller and two nodes below ``folder``; only processes that it started are ever ended.

    ``variables`` are set for every task on a node, as its own: each node is a machine that sees its own GPUs.
    """

    folder: Path
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What a driver needs."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start everything, and return when both nodes are idle."""
        self._write_files()
        munge = [
            f"--{name}={self.folder}/munge.{name.partition('-')[0]}" for name in ("key-file", "socket", "pid-file")
        ]
        munge += [f"--seed-file={self.folder}/munge.seed", f"--log-file={self.folder}/munge.log"]
        self._spawn("munged", ["munged", "--foreground", "--force", *munge])
        self._wait_for((self.folder / "munge.socket").exists, "munged")
        self._spawn("slurmctld", ["slurmctld", "-D"])
        for node in NODES:
            self._spawn(node, ["slurmd", "-D", "-N", node])
        self._wait_for(lambda: self.states() == {"n1": "idle", "n2": "idle"}, "slurmctld")

    def restart_missing(self) -> None:
        """Start each killed node again, and return when all nodes take work.

        A node whose daemon lives, and which Slurm took for lost because this machine was too busy, is only resumed: a
        second daemon could not have its port.
        """
        for node in NODES:
            if node not in self._processes:
                self._spawn(node, ["slurmd", "-D", "-N", node])
        self._wait_for(lambda: all(self._takes_work(node) for node in NODES), "a node")

    def _takes_work(self, node: str) -> bool:
        state = self.states()[node]
        if state in ("down", "drained", "draining"):
            self.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
        return state in ("idle", "mixed", "allocated", "completing")

    def states(self) -> dict[str, str]:
        """The nodes' states, as sinfo names them."""
        shown = self.run("sinfo", "--noheader", "--Node", "--format=%N %T").stdout
        return {name: state.rstrip("*") for name, state in (line.split() for line in shown.splitlines())}

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command of Slurm's, against this cluster."""
        return subprocess.run(
            command, env=os.environ | self.environment(), capture_output=True, text=True, timeout=PATIENCE_S,
            check=False,
        )  # fmt: skip

    def tasks_on(self, node: str) -> list[int]:
        """The processes of jobs on a node."""
        ours = {f"SLURMD_NODENAME={node}", f"SLURM_CONF={self.folder}/slurm.conf"}  # others call their nodes so too
        return [pid for pid in _numbered() if ours <= set(_environ(pid))]

    def kill(self, node: str) -> None:
        """End everything of a node at once, as a power cut would: the daemon, its step daemons, and what they run."""
        daemon = self._processes.pop(node)
        tasks = self.tasks_on(node)
        steps = {parent for pid in tasks if (parent := _parent(pid)) > 1 and _name(parent).startswith("slurmstepd")}
        for pid in (daemon.pid, *descendants(daemon.pid), *steps, *tasks):
            _kill(pid)
        daemon.wait()

    def stop(self) -> None:
        """End the cluster and everything that it runs."""
        for node in NODES:
            if node in self._processes:
                self.kill(node)
        for process in reversed(self._processes.values()):
            process.kill()
            process.wait()
        self._processes.clear()

    def _write_files(self) -> None:
        ports = _free_ports(3)
        host = socket.gethostname()
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=1000 Gres=gpu:h100:2"
            for node, port in zip(NODES, ports[1:], strict=True)
        ]
        (self.folder / "state").mkdir()
        (self.folder / "slurm.conf").write_text(
            CONF.format(folder=self.folder, host=host, control_port=ports[0], nodes="\n".join(nodes)), encoding="ascii"
        )
        for number in range(4):
            os.mknod(self.folder / f"gpu{number}", stat.S_IFCHR | 0o666, _NULL_DEVICE)
        (self.folder / "gres.conf").write_text(
            f"NodeName=n1 Name=gpu Type=h100 File={self.folder}/gpu[0-1]\n"
            f"NodeName=n2 Name=gpu Type=h100 File={self.folder}/gpu[2-3]\n",
            encoding="ascii",
        )
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        prolog = self.folder / "task_prolog"
        cases = [
            f"{node}) " + "".join(f"echo 'export {name}={value}'; " for name, value in variables.items()) + ";;"
            for node, variables in self.variables.items()
        ]
        prolog.write_text('#!/bin/sh\ncase "$SLURMD_NODENAME" in\n' + "\n".join(cases) + "\nesac\n", encoding="utf-8")
        prolog.chmod(0o755)

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.out").open("ab") as stream:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
                env=os.environ | self.environment(),
            )  # fmt: skip

    def _wait_for(self, happened: Callable[[], object], name: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not happened():
            if time.monotonic() > deadline_s:
                said = [file.read_text(errors="replace")[-800:] for file in self.folder.glob("*.out")]
                raise RuntimeError(f"{name} does not come up: {said}")
            time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _numbered() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _environ(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
