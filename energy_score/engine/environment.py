"""What the run ran on: the machine and the versions of what decides the figures. Nothing heavy is imported."""

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from energy_score import __version__
from energy_score.contract.run_report import Gpu, Hardware
from energy_score.contract.server_use import ServerUse
from energy_score.gpu.nvml_library import nvidia_driver_version

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets")
_PACKAGES_OF_A_CLIENT = ("datasets", "httpx2")
_CPUINFO = Path("/proc/cpuinfo")
_BYTES_PER_MIB = 2**20


def read_hardware(gpus: Sequence[Gpu]) -> Hardware:
    """The machine: ``gpus`` as their meter named them, the CPU, the cores this process may use, all memory in MiB."""
    return Hardware(
        gpus=tuple(gpus),
        cpu=cpu_name(),
        cpu_count=_usable_cpu_count(),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _BYTES_PER_MIB,
    )


def read_software(server: ServerUse | None = None) -> dict[str, str]:
    """Versions by name: python, platform, energy_score, the installed ones of the inference stack, the NVIDIA driver.

    What is not there has no entry. Behind an endpoint the stack is the server's, and what it tells is ``server``.
    """
    versions = {"python": platform.python_version(), "platform": platform.platform(), "energy_score": __version__}
    if server is not None:
        versions["server"] = f"{server.name or 'unknown'} {server.version or '(version unknown)'}"
    for package in _PACKAGES if server is None else _PACKAGES_OF_A_CLIENT:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    driver_version = nvidia_driver_version()
    return versions if driver_version is None else {**versions, "nvidia_driver": driver_version}


def cpu_name(cpuinfo: Path = _CPUINFO) -> str:
    """The CPU's model name as Linux says it, else what the platform calls it."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next((name for name in names if name), platform.processor() or platform.machine())


def _usable_cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
