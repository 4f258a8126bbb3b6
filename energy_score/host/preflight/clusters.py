"""The clusters available on this machine; checked only if one is installed."""

import os
import shutil
import socket
import subprocess
from importlib import metadata
from pathlib import Path

from energy_score.host.preflight.check import Check

_ANSWER_S = 3.0
# The file where ``ray start`` stores the address of this machine's cluster.
_RAY_ADDRESS_FILE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108 - Ray's own place, only read


def slurm_checks() -> list[Check]:
    """Return whether Slurm's controller answers, and the GPUs of its nodes; nothing if Slurm is not installed."""
    if shutil.which("sbatch") is None:
        return []
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%N %G"],  # noqa: S607 - found on PATH, like sbatch
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [
            Check(
                "slurm",
                "warning",
                f"no answer ({error})",
                "only needed for --executor slurm: check whether slurmctld is running",
            )
        ]
    if done.returncode:
        said = " ".join(done.stderr.split()[-12:])
        return [Check("slurm", "warning", f"no answer ({said})", "only needed for --executor slurm: see sinfo(1)")]
    nodes = dict(line.split() for line in sorted(set(done.stdout.splitlines())) if len(line.split()) == 2)  # noqa: PLR2004
    with_gpus = [name for name, declared in nodes.items() if "gpu" in declared]
    if not with_gpus:
        remedy = "--executor slurm requests GPUs with --gres=gpu:N: declare them in gres.conf"
        return [Check("slurm", "warning", f"{len(nodes)} nodes, none of them with GPUs", remedy)]
    return [Check("slurm", "ok", f"{len(nodes)} nodes, {len(with_gpus)} of them with GPUs", "")]


def ray_checks() -> list[Check]:
    """Return whether a Ray cluster answers at RAY_ADDRESS or this machine's address; nothing without the package."""
    try:
        version = metadata.version("ray")
    except metadata.PackageNotFoundError:
        return []
    address = ray_address()
    if address is None:
        remedy = "only needed for --executor ray: ray start --head, or --ray-address HOST:PORT"
        return [Check("ray", "warning", f"version {version}; no cluster address is set", remedy)]
    fault = ray_fault(address)
    if fault is not None:
        remedy = "only needed for --executor ray: start the cluster, or set another RAY_ADDRESS"
        return [Check("ray", "warning", f"version {version}; no answer at {address} ({fault})", remedy)]
    return [Check("ray", "ok", f"version {version}; a cluster answers at {address}", "")]


def ray_address() -> str | None:
    """Return the address in RAY_ADDRESS or of this machine's Ray cluster, or None if there is none."""
    named = os.environ.get("RAY_ADDRESS")
    if named and named != "auto":
        return named
    try:
        return _RAY_ADDRESS_FILE.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def ray_fault(address: str) -> str | None:
    """Return why nothing answers at ``address``, or None if something does. Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "not HOST:PORT"
    return None
