"""The visible GPUs by UUID, and one small question to NVML per method."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType, TracebackType
from typing import Literal, Self, TypeVar

from energy_score.contract.errors import MeterError
from energy_score.contract.official_gpu import is_on_a_module
from energy_score.contract.repair import Repair, RepairLog
from energy_score.contract.run_report import Gpu
from energy_score.shared.gpu.nvml_library import init_nvml, is_simulated
from energy_score.shared.gpu.visible_gpus import refuse_ambiguous_indices, visible_gpu_indices

log = logging.getLogger(__name__)

PowerField = Literal["instant", "average"]
Answer = TypeVar("Answer")

_BYTES_PER_MIB = 2**20
_MW_PER_W = 1000.0
_CUDA = "CUDA_VISIBLE_DEVICES"
# Source: METHOD.md, "Transient faults, sensors, intervals".
_RETRIES = 3
_RETRY_AFTER_S = 0.05
# Of a field value: the GPU without its module, or the module (GH200). Source: nvml.h, NVML_POWER_SCOPE_GPU and _MODULE.
_DEVICE_SCOPE = 0
_MODULE_SCOPE = 1
# A module's power is that of its CPU more, also when that is idle; two readings of one GPU differ by less.
_MODULE_MARGIN_W = 10.0
_SCOPE_LOOKS = 3


class NvmlDevices:
    """The GPUs ``gpus`` behind an initialised NVML; ``close`` (or leaving the context) gives it back.

    Every question names a UUID. An answer that the GPU, the driver or the user's rights do not give is None, never 0.
    Where NVML fails otherwise, the question is asked up to three times more; ``repairs`` keeps those that were answered
    then. It raises MeterError where none was (the GPU is lost, the driver is gone), and is not repeated any more until
    it has been answered again.
    """

    def __init__(
        self, *, nvml: ModuleType, gpus: Sequence[Gpu], handles: Mapping[str, object], simulated: bool
    ) -> None:
        self.simulated = simulated
        self._nvml = nvml
        self._handles = dict(handles)
        self._failing: set[tuple[str, str]] = set()
        self.repairs = RepairLog()
        self.gpus = tuple(
            gpu.model_copy(update={"counter_scope": "module"}) if self._covers_module(gpu) else gpu for gpu in gpus
        )
        self._power_fields = {uuid: self._find_power_field(uuid) for uuid in self._handles}

    @property
    def uuids(self) -> tuple[str, ...]:
        """The GPUs' UUIDs, in the order of ``gpus``."""
        return tuple(self._handles)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give NVML back."""
        self._nvml.nvmlShutdown()

    def energy_mj(self, uuid: str) -> int | None:
        """The total-energy counter in mJ since the driver was loaded; Volta and later data-centre GPUs have one."""
        return self._ask(uuid, "the total-energy counter", self._nvml.nvmlDeviceGetTotalEnergyConsumption)

    def power_field(self, uuid: str) -> PowerField | None:
        """Which reading ``power_w`` gives: ``instant``, or ``average`` (over 1 s on Ampere and later)."""
        return self._power_fields[uuid]

    def power_w(self, uuid: str) -> float | None:
        """The power drawn in W, by the reading that ``power_field`` names."""
        field = self._power_fields[uuid]
        if field is None:
            return None
        return self._instant_power_w(uuid) if field == "instant" else self._average_power_w(uuid)

    def sm_clock_mhz(self, uuid: str) -> int | None:
        """The clock of the streaming multiprocessors in MHz."""
        nvml = self._nvml
        return self._ask(uuid, "the clock", lambda handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))

    def temperature_c(self, uuid: str) -> int | None:
        """The GPU's temperature in degrees Celsius."""
        nvml = self._nvml
        return self._ask(
            uuid, "the temperature", lambda handle: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        )

    def memory_used_mib(self, uuid: str) -> int | None:
        """Device memory in use by all processes, in MiB."""
        used_bytes = self._ask(uuid, "the memory", lambda handle: int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used))
        return None if used_bytes is None else used_bytes // _BYTES_PER_MIB

    def clock_event_mask(self, uuid: str) -> int | None:
        """Why the clocks are held down, as the bits that ``clock_events`` names."""
        mask = self._ask(uuid, "the clock events", self._nvml.nvmlDeviceGetCurrentClocksEventReasons)
        if mask is None:  # drivers before 535 know the question by its older name alone
            mask = self._ask(uuid, "the clock events", self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons)
        return mask

    def power_limit_w(self, uuid: str) -> float | None:
        """The power limit in force, in W."""
        limit_mw = self._ask(uuid, "the power limit", self._nvml.nvmlDeviceGetEnforcedPowerLimit)
        return None if limit_mw is None else limit_mw / _MW_PER_W

    def default_power_limit_w(self, uuid: str) -> float | None:
        """The power limit that the GPU comes with, in W."""
        limit_mw = self._ask(uuid, "the default power limit", self._nvml.nvmlDeviceGetPowerManagementDefaultLimit)
        return None if limit_mw is None else limit_mw / _MW_PER_W

    def mig_enabled(self, uuid: str) -> bool | None:
        """Whether the GPU is partitioned (MIG); its counter then counts all slices. None: it cannot be."""
        modes = self._ask(uuid, "the MIG mode", self._nvml.nvmlDeviceGetMigMode)
        return None if modes is None else bool(modes[0] == self._nvml.NVML_DEVICE_MIG_ENABLE)

    def compute_process_ids(self, uuid: str) -> frozenset[int] | None:
        """Processes that hold a compute context, by the id that NVML gives: the host's, also inside a container."""
        processes = self._ask(uuid, "the process list", self._nvml.nvmlDeviceGetComputeRunningProcesses_v3)
        return None if processes is None else frozenset(int(process.pid) for process in processes)

    def _covers_module(self, gpu: Gpu) -> bool:
        """Whether the counter covers a module of GPU and CPU: by the name, or because the module draws more power."""
        if is_on_a_module(gpu.name):
            return True
        try:
            for _ in range(_SCOPE_LOOKS):
                own_w, module_w = self._instant_power_w(gpu.uuid), self._instant_power_w(gpu.uuid, _MODULE_SCOPE)
                if own_w is None or module_w is None or module_w < own_w + _MODULE_MARGIN_W:
                    return False
        except MeterError:
            return False
        return True

    def _find_power_field(self, uuid: str) -> PowerField | None:
        if self._instant_power_w(uuid) is not None:
            return "instant"
        return None if self._average_power_w(uuid) is None else "average"

    def _instant_power_w(self, uuid: str, scope: int = _DEVICE_SCOPE) -> float | None:
        field = [(self._nvml.NVML_FI_DEV_POWER_INSTANT, scope)]
        values = self._ask(uuid, "the power", lambda handle: self._nvml.nvmlDeviceGetFieldValues(handle, field))
        # The call succeeds where the field does not: each value carries a return code of its own.
        if values is None or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return float(values[0].value.uiVal) / _MW_PER_W  # nvml.h: mW, as an unsigned int

    def _average_power_w(self, uuid: str) -> float | None:
        power_mw = self._ask(uuid, "the power", self._nvml.nvmlDeviceGetPowerUsage)
        return None if power_mw is None else power_mw / _MW_PER_W

    def _ask(self, uuid: str, what: str, question: Callable[[object], Answer]) -> Answer | None:
        nvml, key = self._nvml, (uuid, what)
        first_error, first_at = None, None
        tries = 1 if key in self._failing else 1 + _RETRIES
        for left in range(tries - 1, -1, -1):
            try:
                answer = question(self._handles[uuid])
            except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission):
                return None
            except nvml.NVMLError as error:
                if first_error is None:
                    first_error, first_at = error, datetime.now(UTC)
                if left == 0:
                    self._failing.add(key)
                    raise MeterError(f"{uuid}: {what} cannot be read (NVML: {error})") from error
                time.sleep(_RETRY_AFTER_S)
            else:
                break
        self._failing.discard(key)
        if first_error is not None and first_at is not None:
            log.info("NVML answered when asked again: gpu=%s what=%s error=%s", uuid, what, first_error)
            subject = f"{what} of {uuid}"
            self.repairs.add(
                Repair(kind="reading", subject=subject, cause=str(first_error), count=1, first_at=first_at)
            )
        return answer


def open_nvml_devices(*, count: int | None = None, shown: str | None = None, all_gpus: bool = False) -> NvmlDevices:
    """The GPUs in CUDA_VISIBLE_DEVICES, or the first ``count`` of them.

    Instead, ``shown`` lists GPUs in the same form, its indices being NVML's; or ``all_gpus`` opens every one there is.

    Raises:
        MeterError: no pynvml, no driver, no visible GPU, or an entry that is not one whole GPU; the message says which.
    """
    nvml = init_nvml()
    try:
        indices, described = _chosen(nvml, shown=shown, all_gpus=all_gpus)
        return _devices_at(nvml, indices[:count], described)
    except nvml.NVMLError as error:
        nvml.nvmlShutdown()
        raise MeterError(f"NVML cannot describe the GPUs: {error}; does nvidia-smi work here?") from error
    except MeterError:
        nvml.nvmlShutdown()
        raise


@dataclass(frozen=True)
class _Described:
    """Every GPU that this process may use, in NVML's order."""

    handles: list[object]
    uuids: list[str]
    names: list[str]


def _chosen(nvml: ModuleType, *, shown: str | None, all_gpus: bool) -> tuple[tuple[int, ...], _Described]:
    handles = usable_handles(nvml)
    described = _Described(
        handles=handles,
        uuids=[str(nvml.nvmlDeviceGetUUID(handle)) for handle in handles],
        names=[str(nvml.nvmlDeviceGetName(handle)) for handle in handles],
    )
    origin, listed = ("--meter-gpu", shown) if shown is not None else (_CUDA, os.environ.get(_CUDA))
    if all_gpus:
        listed = None
    indices = visible_gpu_indices(listed, described.uuids, origin=origin)
    if not indices:
        raise MeterError(f"NVML sees {len(handles)} GPUs; {origin}={listed!r} shows none of them to this run")
    if origin == _CUDA:
        refuse_ambiguous_indices(listed, device_order=os.environ.get("CUDA_DEVICE_ORDER"), names=described.names)
    return indices, described


def usable_handles(nvml: ModuleType) -> list[object]:
    """The GPUs less those that a device cgroup keeps from this process, as a Slurm job has it.

    NVML counts those too, and refuses their handles; CUDA and nvidia-smi number the others from 0. Source: NVML API
    Reference, ``nvmlDeviceGetCount_v2``.
    """
    handles: list[object] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        with contextlib.suppress(nvml.NVMLError_NoPermission):
            handles.append(nvml.nvmlDeviceGetHandleByIndex(index))
    return handles


def _devices_at(nvml: ModuleType, indices: Sequence[int], described: _Described) -> NvmlDevices:
    gpus = [
        Gpu(
            uuid=described.uuids[index],
            name=described.names[index],
            memory_mib=int(nvml.nvmlDeviceGetMemoryInfo(described.handles[index]).total) // _BYTES_PER_MIB,
        )
        for index in indices
    ]
    return NvmlDevices(
        nvml=nvml,
        gpus=gpus,
        handles={described.uuids[index]: described.handles[index] for index in indices},
        simulated=is_simulated(str(nvml.nvmlSystemGetDriverVersion()), described.names),
    )
