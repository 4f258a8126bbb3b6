"""The GPUs of an allocation, by UUID.

A cluster assigns GPU numbers, but everyone counts differently: Slurm renumbers inside a device cgroup, NVML ignores
CUDA_VISIBLE_DEVICES, a container engine counts the host's GPUs. A UUID means the same GPU everywhere.
"""

import os
import socket

from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.contract.plain_text import counted
from energy_score.contract.run_spec import RunSpec
from energy_score.shared.gpu.nvml_devices import open_nvml_devices

# Meters that do not measure a GPU: a run that uses one does not need NVML.
_WITHOUT_GPU = ("none", "rapl", "estimate", "replay")


def find_allocated_gpus(spec: RunSpec, *, count: int) -> tuple[str, ...] | None:
    """Return the UUIDs of this process's ``count`` GPUs, or None if no GPU is to be measured and none is visible.

    If NVML shows exactly that number, those are ours, however they are numbered; otherwise those in
    CUDA_VISIBLE_DEVICES.

    Raises:
        EnvironmentNotReadyError: The number is different, or cannot be determined.
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
    """Return this node's name in the cluster, or else its host name."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _uuids(*, all_gpus: bool) -> tuple[str, ...]:
    with open_nvml_devices(all_gpus=all_gpus) as devices:
        return devices.uuids


def _unlike(count: int, found: str) -> EnvironmentNotReadyError:
    return EnvironmentNotReadyError(f"the run should have {counted(count, 'GPU')}, but: {found}")
