"""The NVML library itself: started, its driver named, its absence explained."""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from energy_score.contract.errors import MeterError


def init_nvml() -> ModuleType:
    """The module pynvml after ``nvmlInit``; whoever asked calls ``nvmlShutdown`` once (NVML counts both).

    Raises:
        MeterError: pynvml is not installed, or no driver answers.
    """
    try:
        nvml = import_module("pynvml")
    except ImportError as error:
        raise MeterError("the package nvidia-ml-py is missing. Install it with: pip install nvidia-ml-py") from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise MeterError(
            f"no NVIDIA driver found on this machine (NVML: {error}); check that nvidia-smi works, and that a "
            "container was started with its GPUs"
        ) from error
    return nvml


def nvidia_driver_version() -> str | None:
    """The version of the NVIDIA driver, or None without a driver."""
    try:
        nvml = init_nvml()
    except MeterError:
        return None
    try:
        return str(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()


def is_simulated(driver_version: str, gpu_names: Iterable[str]) -> bool:
    """Whether the driver version or a GPU's name says that nothing real is behind the figures."""
    return any("simulat" in text.lower() for text in (driver_version, *gpu_names))
