"""The environment of the run: the machine and the versions that affect the figures. Nothing slow is imported."""

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
    """Return the machine: ``gpus`` as named by their meter, the CPU, the usable cores, and all memory in MiB."""
    return Hardware(
        gpus=tuple(gpus),
        cpu=cpu_name(),
        cpu_count=_usable_cpu_count(),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _BYTES_PER_MIB,
    )


def require_gpus(uuids: Sequence[str]) -> None:
    """Return if each of the GPUs is visible here.

    Raises:
        EnvironmentNotReadyError: One is not; the message says what is visible instead.
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
            f"the run was given {', '.join(absent)}, which is not visible here ({seen}). The container engine must "
            "pass on GPUs: install the NVIDIA Container Toolkit (Podman needs its CDI), or use --executor local."
        )


def warn_about_other_hardware(hardware: Hardware) -> None:
    """Log that figures from any other GPU cannot be compared with published scores; the verdict marks them too."""
    if not hardware.gpus or any(not is_official_gpu(gpu.name, gpu.memory_mib) for gpu in hardware.gpus):
        found = ", ".join(gpu.name for gpu in hardware.gpus) or "no GPU"
        log.warning(
            "not an NVIDIA H100 80 GB, so the figures cannot be compared with published scores: found=%s", found
        )


def read_software(server: ServerUse | None = None, *, packages: Sequence[str] | None = None) -> dict[str, str]:
    """Return the versions by name: python, platform, energy_score, the inference stack, the NVIDIA driver.

    What is not installed has no entry. Behind an endpoint the stack is the server's, as far as ``server`` reports it;
    ``packages`` replace this environment's stack if the work is done in another one.
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
    """Return the CPU's model name from Linux, or else the platform's name for it."""
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
