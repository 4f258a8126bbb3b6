"""The GPUs of one run, among those that this process sees."""

import os

from energy_score.contract.errors import EnvironmentNotReadyError, MeterError
from energy_score.host.single_run.order import SingleOrder
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
from energy_score.shared.gpu.visible_gpus import visible_gpu_indices


def show_gpus(order: SingleOrder) -> None:
    """From now on only the GPUs that the order names are visible, by UUID; an order that names none changes nothing.

    An index counts the GPUs that are visible before, so that a share of a machine is never left.

    Raises:
        EnvironmentNotReadyError: the order wants a GPU that is not visible here.
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
        raise EnvironmentNotReadyError(f"{asked}: {what}; valid without a GPU is backend.device=cpu") from error
