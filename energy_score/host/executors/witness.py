"""The host check: the host's own reading of the energy counters around a run, and a watch for foreign processes.

A container sees only its own processes; the host sees all of them. Costs two readings and one query per second.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from energy_score.contract.errors import MeterError
from energy_score.contract.host_witness import ForeignSighting, HostWitness
from energy_score.contract.run_report import EnergySource
from energy_score.contract.run_spec import RunSpec
from energy_score.shared.gpu.compute_processes import descends_from, ids_are_comparable, is_alive
from energy_score.shared.gpu.endpoint_gpus import find_endpoint_gpus
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices

log = logging.getLogger(__name__)

_WATCH_PERIOD_S = 1.0
_MJ_PER_J = 1000.0
# An idle GPU has its driver's reserve in use: below 1 GiB on all data center GPUs so far.
_MEMORY_AT_REST_MIB = 1024


class GpuWitness:
    """Watch a run's GPUs while its context is open; afterwards ``write`` saves the result.

    The GPUs are the first ``gpu_count`` visible ones (None: all of them), or exactly ``gpus`` if the work happens
    elsewhere; their UUIDs are in ``uuids`` once the context is open. ``server_process_ids`` and their descendants
    belong to the run.

    ``is_of_run`` identifies the run's own processes, and is set before the run starts any. Without NVML on the host
    nothing is watched and nothing written: the verdict then says that the host check is missing.
    """

    def __init__(
        self,
        run_id: str,
        *,
        gpu_count: int | None,
        gpus: Sequence[str] | None = None,
        server_process_ids: Collection[int] = (),
    ) -> None:
        self.is_of_run: Callable[[int], bool] = lambda _: False
        self._gpus = gpus
        self._server_process_ids = server_process_ids
        self.uuids: tuple[str, ...] = ()
        self._gpu_count = gpu_count
        self._run_id = run_id
        self._devices: NvmlDevices | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_processes, name="gpu-witness", daemon=True)
        self._foreign: list[ForeignSighting] = []
        self._foreign_before: frozenset[int] = frozenset()
        self._looked_s = 0.0
        self._processes_watched = True
        self._memory_was_used = False
        self._before_mj: dict[str, int] = {}
        self._witness: HostWitness | None = None

    def __enter__(self) -> Self:
        self._started_at = datetime.now(UTC)
        try:
            shown = None if self._gpus is None else ",".join(self._gpus)
            self._devices = open_nvml_devices(count=self._gpu_count, shown=shown)
        except MeterError as error:
            log.debug("no host check: %s", error)
            return self
        self.uuids = self._devices.uuids
        self._memory_was_used = any(self._memory_used_mib(uuid) > _MEMORY_AT_REST_MIB for uuid in self.uuids)
        self._before_mj, self._faults = self._read()
        self._look_for_foreign_processes()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._devices is None:
            return
        self._stopping.set()
        self._watch.join()
        self._look_for_foreign_processes()
        after_mj, faults = self._read()
        faults |= self._faults
        for uuid, before_mj in self._before_mj.items():
            if uuid in after_mj and after_mj[uuid] < before_mj:
                faults[uuid] = "counter_reset"
        energy_j = {
            uuid: (after_mj[uuid] - before_mj) / _MJ_PER_J
            for uuid, before_mj in self._before_mj.items()
            if uuid in after_mj and uuid not in faults
        }
        counted = EnergySource.SIMULATED if self._devices.simulated else EnergySource.NVML_COUNTER
        self._witness = HostWitness(
            run_id=self._run_id,
            started_at=self._started_at,
            finished_at=datetime.now(UTC),
            source=counted if self._before_mj else None,
            energy_j=energy_j,
            foreign_process_ids=tuple(sorted({sighting.process_id for sighting in self._foreign})),
            foreign_sightings=tuple(self._foreign),
            repairs=self._devices.repairs.all(),
            processes_watched=self._processes_watched,
            faults=faults,
        )
        self._devices.close()

    @property
    def gpu_was_shared(self) -> bool | None:
        """Return whether something else used the GPUs: a foreign process, or memory in use before the run started."""
        if not self.uuids:
            return None
        return bool(self._foreign) or self._memory_was_used

    def write(self, path: Path) -> None:
        """Write the result once the context is closed; write nothing if the host has no NVML."""
        if self._witness is not None:
            self._witness.write(path)

    def _read(self) -> tuple[dict[str, int], dict[str, str]]:
        """Return the counters in mJ by UUID, and why one has no figure; a GPU without a counter is in neither."""
        energy_mj: dict[str, int] = {}
        faults: dict[str, str] = {}
        for uuid in self.uuids:
            try:
                figure_mj = self._devices.energy_mj(uuid) if self._devices else None
            except MeterError:
                faults[uuid] = "counter_lost"
                continue
            if figure_mj is not None:
                energy_mj[uuid] = figure_mj
        return energy_mj, faults

    def _memory_used_mib(self, uuid: str) -> int:
        try:
            return (self._devices.memory_used_mib(uuid) or 0) if self._devices else 0
        except MeterError:
            return 0

    def _watch_processes(self) -> None:
        while not self._stopping.wait(_WATCH_PERIOD_S):
            self._look_for_foreign_processes()

    def _look_for_foreign_processes(self) -> None:
        if not ids_are_comparable():
            self._processes_watched = False  # NVML gives the machine's process ids, but we see only our container's
            return
        present: set[int] = set()
        for uuid in self.uuids:
            try:
                process_ids = self._devices.compute_process_ids(uuid) if self._devices else None
            except MeterError:
                continue  # reading the counter will report what is wrong with the GPU
            self._processes_watched &= process_ids is not None
            present |= {process_id for process_id in process_ids or () if not self._is_own(process_id)}
        now_s = time.monotonic()
        self._foreign = [
            sighting.model_copy(update={"last_s": now_s})
            if sighting.process_id in self._foreign_before and sighting.last_s == self._looked_s
            else sighting
            for sighting in self._foreign
        ]
        self._foreign += [
            ForeignSighting(process_id=process_id, first_s=now_s, last_s=now_s)
            for process_id in sorted(present - self._foreign_before)
        ]
        self._foreign_before, self._looked_s = frozenset(present), now_s

    def _is_own(self, process_id: int) -> bool:
        """Return whether the process is the run's or this one; an ended one does not count against the run.

        NVML can list a process for a moment longer, such as the one of the run before.
        """
        if process_id == os.getpid() or not is_alive(process_id):
            return True
        if any(descends_from(process_id, server_id) for server_id in self._server_process_ids):
            return True
        try:
            return self.is_of_run(process_id)
        except (ProcessLookupError, FileNotFoundError):  # ended meanwhile, or another user's and hidden from us
            return not is_alive(process_id)
        except (PermissionError, OverflowError):
            return False


def open_witness(spec: RunSpec, *, leased: Sequence[str] | None = None) -> GpuWitness:
    """Return the host check for the GPUs of ``spec``: those of the server at its endpoint, or the ``leased`` ones.

    If none were leased (None), the visible ones are used, as many as the spec asks for.

    Raises:
        MeterError: The spec names GPUs that do not exist.
    """
    if spec.endpoint is None:
        return GpuWitness(spec.run_id, gpu_count=spec.gpu_requirement.count, gpus=spec.meter_gpus or leased)
    found = find_endpoint_gpus(spec.endpoint, named=spec.meter_gpus)
    return GpuWitness(spec.run_id, gpu_count=None, gpus=found.uuids, server_process_ids=found.server_process_ids)
