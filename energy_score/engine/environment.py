"""What the run ran on: the machine and the versions of what decides the figures. Nothing heavy is imported."""

import logging
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from energy_score import __version__
from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.contract.official_gpu import is_official_gpu
from energy_score.contract.run_report import Gpu, Hardware
from energy_score.contract.server_use import ServerUse
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
from energy_score.shared.gpu.nvml_library import nvidia_driver_version

log = logging.getLogger(__name__)

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "diffusers", "sentence-transformers")
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


def require_gpus(uuids: Sequence[str]) -> None:
    """Nothing, where each of the GPUs can be seen from here.

    Raises:
        EnvironmentNotReadyError: one cannot; the message says what is seen instead.
    """
    if not uuids:
        return
    try:
        with open_nvml_devices() as devices:
            absent, seen = [uuid for uuid in uuids if uuid not in devices.uuids], ", ".join(devices.uuids)
    except MeterError as error:
        absent, seen = list(uuids), str(error)
    if absent:
        raise EnvironmentNotReadyError(
            f"the run was given {', '.join(absent)}, which cannot be seen here ({seen}); a container engine must hand "
            "GPUs on: install the NVIDIA Container Toolkit (podman needs its CDI), or use --executor local"
        )


def warn_of_other_hardware(hardware: Hardware) -> None:
    """Log that figures of anything but the official GPU compare with no published score; the verdict marks them too."""
    if not hardware.gpus or any(not is_official_gpu(gpu.name, gpu.memory_mib) for gpu in hardware.gpus):
        found = ", ".join(gpu.name for gpu in hardware.gpus) or "no GPU"
        log.warning("not an NVIDIA H100 80 GB, so the figures compare with no published score: found=%s", found)


def read_software(server: ServerUse | None = None, *, packages: Sequence[str] | None = None) -> dict[str, str]:
    """Versions by name: python, platform, energy_score, the installed ones of the inference stack, the NVIDIA driver.

    What is not there has no entry. Behind an endpoint the stack is the server's, and what it tells is ``server``;
    ``packages`` are in place of this environment's stack, where the work is done in another.
    """
    versions = {"python": platform.python_version(), "platform": platform.platform(), "energy_score": __version__}
    if server is not None:
        versions["server"] = f"{server.name or 'unknown'} {server.version or '(version unknown)'}"
    if packages is None:
        packages = _PACKAGES if server is None else _PACKAGES_OF_A_CLIENT
    for package in packages:
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
