"""What clusters this machine can hand runs to; asked only where one is installed."""

import os
import shutil
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from energy_score.host.preflight.check import Check

_ANSWER_S = 3.0
# Where ``ray start`` leaves the address of the cluster that this machine belongs to.
_RAY_ADDRESS_FILE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108 - Ray's own place, only read


def slurm_checks() -> list[Check]:
    """Whether Slurm's controller answers, and what GPUs its nodes declare; nothing where Slurm is not installed."""
    if shutil.which("sbatch") is None:
        return []
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%N %G"],  # noqa: S607 - found on PATH, as sbatch is
            capture_output=True, text=True, timeout=_ANSWER_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Check("slurm", "warning", f"no answer ({error})", "only --executor slurm needs it: is slurmctld up?")]
    if done.returncode:
        said = " ".join(done.stderr.split()[-12:])
        return [Check("slurm", "warning", f"no answer ({said})", "only --executor slurm needs it: see sinfo(1)")]
    nodes = dict(line.split() for line in sorted(set(done.stdout.splitlines())) if len(line.split()) == 2)  # noqa: PLR2004
    with_gpus = [name for name, declared in nodes.items() if "gpu" in declared]
    if not with_gpus:
        remedy = "--executor slurm asks for GPUs by --gres=gpu:N: declare them in gres.conf"
        return [Check("slurm", "warning", f"{len(nodes)} nodes, none declares a GPU", remedy)]
    return [Check("slurm", "ok", f"{len(nodes)} nodes, {len(with_gpus)} of them declare GPUs", "")]


def ray_checks() -> list[Check]:
    """Whether a Ray cluster answers where RAY_ADDRESS or this machine's own node says; nothing without the package."""
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        return []
    address = ray_address()
    if address is None:
        remedy = "only --executor ray needs one: ray start --head, or --ray-address HOST:PORT"
        return [Check("ray", "warning", f"version {version}; no cluster is named here", remedy)]
    fault = ray_fault(address)
    if fault is not None:
        remedy = "only --executor ray needs it: start the cluster, or name another by RAY_ADDRESS"
        return [Check("ray", "warning", f"version {version}; no answer at {address} ({fault})", remedy)]
    return [Check("ray", "ok", f"version {version}; a cluster answers at {address}", "")]


def ray_address() -> str | None:
    """The Ray cluster that RAY_ADDRESS names or this machine belongs to; None where there is none."""
    named = os.environ.get("RAY_ADDRESS")
    if named and named != "auto":
        return named
    try:
        return _RAY_ADDRESS_FILE.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def ray_fault(address: str) -> str | None:
    """Why nothing answers at ``address``; None where something does. Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "not HOST:PORT"
    return None
