"""The GPUs of an allocation, by UUID.

A cluster hands out numbers, and everybody counts differently: Slurm renumbers inside a device cgroup, NVML ignores
CUDA_VISIBLE_DEVICES, a container engine counts the host's GPUs. A UUID means the same GPU to all of them.
"""

import os
import socket

from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.contract.plain_text import counted
from energy_score.contract.run_spec import RunSpec
from energy_score.shared.gpu.nvml_devices import open_nvml_devices

# Meters whose figures are not those of a GPU: a run that asks for one needs no NVML.
_WITHOUT_GPU = ("none", "rapl", "estimate", "replay")


def allocated_gpus(spec: RunSpec, *, count: int) -> tuple[str, ...] | None:
    """The UUIDs of the ``count`` GPUs that this process was given; None where no GPU is to be measured and none seen.

    Where NVML shows exactly so many, those are ours, whatever they are numbered; else those that CUDA_VISIBLE_DEVICES
    names.

    Raises:
        EnvironmentNotReadyError: they are not so many, or cannot be told.
    """
    if count == 0:
        return ()
    try:
        uuids = _uuids(all_gpus=True)
        if len(uuids) != count:
            uuids = _uuids(all_gpus=False)
    except MeterError as error:
        if spec.meter.partition(":")[0] in _WITHOUT_GPU:
            return None
        raise _unlike(count, str(error)) from error
    if len(uuids) != count:
        raise _unlike(count, f"CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')} names {', '.join(uuids)}")
    return uuids


def node_name() -> str:
    """This node as its cluster calls it, else as it calls itself."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _uuids(*, all_gpus: bool) -> tuple[str, ...]:
    with open_nvml_devices(all_gpus=all_gpus) as devices:
        return devices.uuids


def _unlike(count: int, found: str) -> EnvironmentNotReadyError:
    return EnvironmentNotReadyError(f"the run was to get {counted(count, 'GPU')}: {found}")
