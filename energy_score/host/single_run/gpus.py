"""The GPUs of a single run, among those that this process can see."""

import os

from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.host.single_run.order import SingleOrder
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
from energy_score.shared.gpu.visible_gpus import visible_gpu_indices


def show_gpus(order: SingleOrder) -> None:
    """Make only the GPUs in the run's request visible, by UUID; without any, change nothing.

    An index counts the currently visible GPUs, so that a share of a machine is never left.

    Raises:
        EnvironmentNotReadyError: A requested GPU is not visible here.
    """
    if not order.needs_gpu:
        return
    named = ",".join(order.device_ids)
    try:
        with open_nvml_devices() as devices:
            uuids = devices.uuids
        if named:
            shown = (uuids[index] for index in visible_gpu_indices(named, uuids))
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(shown)
    except MeterError as error:
        asked = f"backend.device_ids={named}" if named else "backend.device=cuda"
        what = str(error).removeprefix("CUDA_VISIBLE_DEVICES: ")
        raise EnvironmentNotReadyError(f"{asked}: {what}. Without a GPU, use backend.device=cpu.") from error
