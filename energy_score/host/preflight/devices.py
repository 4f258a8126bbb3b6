"""The energy counters of this machine, each read once."""

from pathlib import Path
from types import ModuleType

from energy_score.contract.installation import install_command
from energy_score.contract.official_gpu import is_official_gpu
from energy_score.host.preflight.check import Check
from energy_score.shared.gpu.nvml_devices import usable_handles

POWERCAP_ROOT = Path("/sys/class/powercap")
_BYTES_PER_MIB = 2**20
_NO_GPU = "runs work without one, but GPU energy is not measured; to measure it, install the NVIDIA driver"


def gpu_checks() -> list[Check]:
    """Return one finding per NVIDIA GPU with its energy counter, or why none is visible."""
    try:
        import pynvml as nvml  # noqa: PLC0415 - the host loads it only here
    except ImportError:
        return [Check("gpu", "missing", "pynvml is not installed", install_command())]
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return [Check("gpu", "missing", f"no NVIDIA driver answers ({error})", _NO_GPU)]
    try:
        checks = [_gpu_check(nvml, index, handle) for index, handle in enumerate(usable_handles(nvml))]
    except nvml.NVMLError as error:
        return [
            Check("gpu", "missing", f"the driver cannot describe the GPUs ({error})", "check whether nvidia-smi works")
        ]
    finally:
        nvml.nvmlShutdown()
    return checks or [Check("gpu", "missing", "the driver shows no GPU", _NO_GPU)]


def cpu_counter_checks() -> list[Check]:
    """Return whether the CPU's energy counter (RAPL) can be read."""
    counters = sorted(POWERCAP_ROOT.glob("intel-rapl:*/energy_uj"))
    if not counters:
        remedy = "CPU energy is estimated instead and labeled as such; virtual machines have no counter"
        return [Check("cpu energy counter", "warning", f"none under {POWERCAP_ROOT}", remedy)]
    try:
        readings = [int(counter.read_text()) for counter in counters]
    except PermissionError:
        remedy = "CPU energy is estimated instead; to measure it: sudo chmod a+r " + " ".join(map(str, counters))
        return [Check("cpu energy counter", "warning", f"no permission to read {counters[0]}", remedy)]
    except (OSError, ValueError) as error:
        return [Check("cpu energy counter", "warning", f"{counters[0]}: {error}", "CPU energy is estimated instead")]
    return [Check("cpu energy counter", "ok", f"RAPL, {len(readings)} zones", "")]


def _gpu_check(nvml: ModuleType, index: int, handle: object) -> Check:
    name = str(nvml.nvmlDeviceGetName(handle))
    memory_mib = int(nvml.nvmlDeviceGetMemoryInfo(handle).total) // _BYTES_PER_MIB
    label, found = f"gpu {index}", f"{name}, {memory_mib} MiB"
    try:
        energy_j = nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    except nvml.NVMLError as error:
        remedy = "its energy cannot be measured: the counter exists on Volta and later data center GPUs"
        return Check(label, "warning", f"{found}, no energy counter ({error})", remedy)
    found += f", counter at {energy_j:.0f} J"
    if _is_partitioned(nvml, handle):
        return Check(
            label, "warning", f"{found}, MIG is on", "runs on it cannot be rated; turn MIG off: sudo nvidia-smi -mig 0"
        )
    if is_official_gpu(name, memory_mib):
        return Check(label, "ok", f"{found}, comparable", "")
    remedy = "runs are measured and recorded, but only runs on an NVIDIA H100 80 GB can be compared with published ones"
    return Check(label, "warning", f"{found}, not comparable", remedy)


def _is_partitioned(nvml: ModuleType, handle: object) -> bool:
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # GPUs without MIG report that it is not supported
        return False
    return bool(current == nvml.NVML_DEVICE_MIG_ENABLE)
