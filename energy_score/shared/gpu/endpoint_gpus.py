"""Which GPUs a server behind an endpoint works on: those on which its processes hold a compute context."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from energy_score.contract.endpoint_address import get_port, is_loopback
from energy_score.contract.errors import MeterError
from energy_score.shared.gpu.compute_processes import ids_are_comparable, with_descendants
from energy_score.shared.gpu.listeners import listening_process_ids
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices

_REMEDY = "name them with --meter-gpu if they are in this machine"


@dataclass(frozen=True)
class EndpointGpus:
    """``uuids`` are the GPUs to be measured; if empty, ``unseen`` is the reason.

    ``server_process_ids`` are the server's, and their descendants are its own too. Where ``processes_known`` is false
    they are whatever was on the named GPUs at the time.
    """

    uuids: tuple[str, ...] = ()
    server_process_ids: frozenset[int] = frozenset()
    processes_known: bool = False
    unseen: str | None = None


def find_endpoint_gpus(endpoint: str, *, named: Sequence[str] = ()) -> EndpointGpus:
    """The GPUs of the server at ``endpoint``, or those that are ``named`` (UUIDs, or NVML's indices).

    A server that listens on a loopback address is found by its port, and its GPUs by NVML's list of compute processes:
    it must have loaded its model.

    Raises:
        MeterError: the named GPUs are not there.
    """
    listening = listening_process_ids(get_port(endpoint)) if is_loopback(endpoint) else frozenset()
    try:
        devices = open_nvml_devices(shown=",".join(named) if named else None, all_gpus=not named)
    except MeterError as error:
        if named:
            raise
        return EndpointGpus(unseen=str(error))
    with devices:
        own = _by_gpu(devices, listening)
        if named:
            known = bool(own)
            others = {process_id for uuid in devices.uuids for process_id in devices.compute_process_ids(uuid) or ()}
            return EndpointGpus(devices.uuids, listening if known else frozenset(others), processes_known=known)
        if own:
            return EndpointGpus(tuple(own), listening, processes_known=True)
    return EndpointGpus(unseen=_unseen(endpoint, listening))


def _by_gpu(devices: NvmlDevices, roots: Collection[int]) -> dict[str, list[int]]:
    """The compute processes that are among ``roots`` or descend from them, by GPU; without the GPUs that have none."""
    if not ids_are_comparable():
        return {}
    own = with_descendants(roots)
    found = {uuid: sorted(own & (devices.compute_process_ids(uuid) or frozenset())) for uuid in devices.uuids}
    return {uuid: process_ids for uuid, process_ids in found.items() if process_ids}


def _unseen(endpoint: str, listening: Collection[int]) -> str:
    if not is_loopback(endpoint):
        return f"the server at {endpoint} is not on a loopback address, so its GPUs cannot be told; {_REMEDY}"
    if not ids_are_comparable():
        return f"in a container the processes on the GPUs cannot be told apart; {_REMEDY}"
    if not listening:
        return f"no process of this user listens at {endpoint} (it may be in a container); {_REMEDY}"
    processes = ", ".join(map(str, sorted(listening)))
    return f"the server at {endpoint} (process {processes}) holds no compute context on any GPU; {_REMEDY}"
