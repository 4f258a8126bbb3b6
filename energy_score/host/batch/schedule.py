"""Decide which run starts next, and when: as many at a time as allowed, each with the GPUs it needs."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from energy_score.contract.errors import EnergyScoreError
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.locks.gpu_leases import GpuLeases, Lease, Refusal
from energy_score.host.locks.gpu_need import count_needed_gpus

log = logging.getLogger(__name__)

# How often signals, freed leases and the heartbeat are checked.
_POLL_S = 0.2


@dataclass(frozen=True)
class Ended:
    """A run that ended, or that never got its GPUs (``refusal``)."""

    planned: ResolvedRun
    refusal: str | None = None


class Watcher(Protocol):
    """Called regularly while runs are in progress."""

    def __call__(self) -> bool:
        """Return whether more runs may start; called several times a second."""


@dataclass
class Schedule:
    """Run ``pending`` with ``execute``, at most ``jobs`` at a time, first the first run whose GPUs are free.

    In the given order if one at a time; otherwise those that need most GPUs come first, so that they are not last and
    alone. If there is no GPU (``leases`` None), only ``jobs`` limits the number. A run waits without limit for GPUs of
    our other runs, and ``gpu_wait_s`` for GPUs that a foreign process is using.
    """

    pending: list[ResolvedRun]
    execute: Callable[[ResolvedRun, tuple[str, ...] | None], None]
    leases: GpuLeases | None
    jobs: int
    gpu_wait_s: float
    note: Callable[[str], None]
    watch: Watcher
    _ended: "queue.SimpleQueue[ResolvedRun]" = field(default_factory=queue.SimpleQueue, init=False)
    _active: dict[str, Lease | None] = field(default_factory=dict, init=False)
    _refused_since_s: dict[str, float] = field(default_factory=dict, init=False)
    _needs: dict[str, int] = field(default_factory=dict, init=False)
    _told: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if self.jobs > 1:
            self.pending = sorted(self.pending, key=self._need, reverse=True)

    def ended(self) -> Iterator[Ended]:
        """Yield each run when it has ended; runs that did not start stay in ``pending``."""
        while True:
            may_start = self.watch()
            if may_start:
                yield from self._start_what_fits()
            if not self._active and (not may_start or not self.pending):
                return
            try:
                planned = self._ended.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            lease = self._active.pop(planned.name)
            if lease is not None:
                lease.release()
            yield Ended(planned)

    def _start_what_fits(self) -> Iterator[Ended]:
        refused: dict[tuple[int, tuple[str, ...]], Refusal] = {}  # asking again for the same need is useless
        for planned in tuple(self.pending):
            if len(self._active) >= self.jobs:
                return
            need = self._need(planned), planned.spec.meter_gpus
            try:
                lease = refused.get(need) or self._lease_for(planned)
            except EnergyScoreError as error:  # the locks failed, or a GPU is lost: the next run may get another
                self.pending.remove(planned)
                yield Ended(planned, str(error))
                continue
            if isinstance(lease, Refusal):
                refused[need] = lease
                if self._is_given_up(planned, lease):
                    self.pending.remove(planned)
                    yield Ended(planned, lease.message)
                continue
            self.pending.remove(planned)
            self._start(planned, lease)

    def _lease_for(self, planned: ResolvedRun) -> Lease | Refusal | None:
        count = self._need(planned)
        if self.leases is None or count == 0:
            return None
        return self.leases.lease(count, among=planned.spec.meter_gpus)

    def _is_given_up(self, planned: ResolvedRun, refusal: Refusal) -> bool:
        """Return whether the run has waited long enough; what it waits for is reported once."""
        if refusal.why == "too_few":
            return True
        message = f"{planned.label} is waiting: {refusal.message}"
        if message not in self._told and not self._active:
            self._told.add(message)
            self.note(message)
        if refusal.why == "leased":
            self._refused_since_s.pop(planned.name, None)
            return False
        now_s = time.monotonic()
        return now_s - self._refused_since_s.setdefault(planned.name, now_s) >= self.gpu_wait_s

    def _start(self, planned: ResolvedRun, lease: Lease | None) -> None:
        self._active[planned.name] = lease
        uuids = lease.uuids if lease is not None else () if self._needs_none(planned) else None

        def work() -> None:
            try:
                self.execute(planned, uuids)
            except BaseException:  # nothing handles a thread's exception: the run's directory shows how it ended
                log.exception("unexpected error: run=%s", planned.name)
            finally:
                self._ended.put(planned)

        threading.Thread(target=work, name=f"run {planned.name}", daemon=True).start()

    def _needs_none(self, planned: ResolvedRun) -> bool:
        """Return whether the run spec needs no GPU of this machine."""
        return planned.spec.gpu_requirement.count == 0

    def _need(self, planned: ResolvedRun) -> int:
        if planned.name not in self._needs:
            self._needs[planned.name] = self._count_needed(planned.spec)
        return self._needs[planned.name]

    def _count_needed(self, spec: RunSpec) -> int:
        if self.leases is None:  # no GPUs to count: class C is still the largest
            return 2 if spec.gpu_requirement.count is None else spec.gpu_requirement.count
        return count_needed_gpus(spec, self.leases.gpus)
