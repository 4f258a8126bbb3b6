"""GPU energy from NVML's total-energy counter, for the GPUs that CUDA shows to this process.

Whoever measures synchronises the framework before each reading: the counter knows nothing of queued work.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from types import ModuleType

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading
from energy_score.engine.meters.visible_gpus import refuse_ambiguous_indices, visible_gpu_indices

_BYTES_PER_MIB = 2**20
_MJ_PER_J = 1000.0


class NvmlMeter:
    """Energy of ``gpus`` in J since the driver was loaded, read from ``nvmlDeviceGetTotalEnergyConsumption`` (mJ).

    ``handles`` are NVML's device handles by GPU UUID; ``nvml`` is the initialised pynvml module, shut down by
    ``close``. The counter counts every process on the GPU.
    """

    domain: Domain = "gpu"

    def __init__(
        self, *, nvml: ModuleType, gpus: Sequence[Gpu], handles: Mapping[str, object], source: EnergySource
    ) -> None:
        self.source = source
        self.gpus = tuple(gpus)
        self._nvml = nvml
        self._handles = dict(handles)
        self._last_mj: dict[str, int] = {}

    @property
    def description(self) -> str:
        """The GPUs read, by UUID."""
        return f"NVML total-energy counter of {', '.join(f'{gpu.name} {gpu.uuid}' for gpu in self.gpus)}"

    def read(self) -> MeterReading:
        """The counters in J by GPU UUID.

        Raises:
            MeterError: a counter cannot be read, or is lower than before (the driver or the GPU was reset).
        """
        time_s = time.monotonic()
        energy_j = {uuid: self._read_mj(uuid, handle) / _MJ_PER_J for uuid, handle in self._handles.items()}
        return MeterReading(time_s=time_s, energy_j=energy_j)

    def read_at_tick(self) -> MeterReading:
        """As ``read``: nothing here ticks slowly enough to wait for."""
        return self.read()

    def close(self) -> None:
        """Give NVML back."""
        self._nvml.nvmlShutdown()

    def _read_mj(self, uuid: str, handle: object) -> int:
        try:
            energy_mj = int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
        except self._nvml.NVMLError_NotSupported as error:
            raise MeterError(
                f"{uuid}: this GPU has no total-energy counter (NVML: {error}); "
                "Volta and later data-centre GPUs have one"
            ) from error
        except self._nvml.NVMLError as error:
            raise MeterError(f"{uuid}: the total-energy counter cannot be read (NVML: {error})") from error
        last_mj = self._last_mj.get(uuid, 0)
        if energy_mj < last_mj:
            raise MeterError(
                f"{uuid}: the total-energy counter went back from {last_mj} mJ to {energy_mj} mJ: "
                "the driver or the GPU was reset, so the run's energy is lost; run it again"
            )
        self._last_mj[uuid] = energy_mj
        return energy_mj


def open_nvml_meter() -> NvmlMeter:
    """A meter on the GPUs in CUDA_VISIBLE_DEVICES, whose counters have been read once.

    Raises:
        MeterError: no pynvml, no driver, no visible GPU, MIG, or a GPU without the counter; the message says which.
    """
    nvml = _initialised_nvml()
    try:
        meter = _meter_on_visible_gpus(nvml)
        meter.read()
    except nvml.NVMLError as error:
        nvml.nvmlShutdown()
        raise MeterError(f"NVML cannot describe the GPUs: {error}; does nvidia-smi work here?") from error
    except MeterError:
        nvml.nvmlShutdown()
        raise
    return meter


def nvidia_driver_version() -> str | None:
    """The version of the NVIDIA driver, or None where there is none."""
    try:
        nvml = _initialised_nvml()
    except MeterError:
        return None
    try:
        return str(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()


def source_of(driver_version: str, gpu_names: Iterable[str]) -> EnergySource:
    """SIMULATED where the driver version or a GPU's name says so, else NVML_COUNTER."""
    texts = (driver_version, *gpu_names)
    simulated = any("simulat" in text.lower() for text in texts)
    return EnergySource.SIMULATED if simulated else EnergySource.NVML_COUNTER


def _initialised_nvml() -> ModuleType:
    try:
        nvml = import_module("pynvml")
    except ImportError as error:
        raise MeterError("pynvml is not installed; pip install nvidia-ml-py") from error
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise MeterError(
            f"no NVIDIA driver can be reached (NVML: {error}); "
            "nvidia-smi must work here, and a container must be started with its GPUs"
        ) from error
    return nvml


def _meter_on_visible_gpus(nvml: ModuleType) -> NvmlMeter:
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    uuids = [str(nvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    names = [str(nvml.nvmlDeviceGetName(handle)) for handle in handles]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = visible_gpu_indices(shown, uuids)
    if not visible:
        raise MeterError(
            f"NVML sees {len(handles)} GPUs; CUDA_VISIBLE_DEVICES={shown!r} shows none of them to this run"
        )
    refuse_ambiguous_indices(shown, device_order=os.environ.get("CUDA_DEVICE_ORDER"), names=names)
    for index in visible:
        _refuse_mig(nvml, uuids[index], handles[index])
    gpus = [
        Gpu(
            uuid=uuids[index],
            name=names[index],
            memory_mib=int(nvml.nvmlDeviceGetMemoryInfo(handles[index]).total) // _BYTES_PER_MIB,
        )
        for index in visible
    ]
    return NvmlMeter(
        nvml=nvml,
        gpus=gpus,
        handles={uuids[index]: handles[index] for index in visible},
        source=source_of(str(nvml.nvmlSystemGetDriverVersion()), names),
    )


def _refuse_mig(nvml: ModuleType, uuid: str, handle: object) -> None:
    try:
        current_mode, _ = nvml.nvmlDeviceGetMigMode(handle)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
        return
    if current_mode == nvml.NVML_DEVICE_MIG_ENABLE:
        raise MeterError(
            f"{uuid}: MIG is on, and a MIG slice has no energy counter: the GPU's counts all slices; "
            f"turn it off (nvidia-smi -i {uuid} -mig 0)"
        )
