"""A thread that looks at the GPUs some ten times a second, beside whatever is measured."""

import math
import os
import random
import threading
import time
from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from energy_score.contract.errors import MeterError
from energy_score.contract.record import write_bytes_atomically
from energy_score.contract.run_report import GpuConditions
from energy_score.engine.meters.gpu_samples import GpuSample, GpuSamples
from energy_score.engine.meters.power_trace import power_trace
from energy_score.shared.gpu.compute_processes import Sighting, descends_from, foreign_process_ids, ids_are_comparable
from energy_score.shared.gpu.nvml_devices import NvmlDevices

Answer = TypeVar("Answer")

# Uniform around the period: samples in step with the sensor or with the work would see one phase of it only.
_JITTER = 0.3
_LONGEST_HOLD_PERIODS = 5
_PROCESSES_EVERY_S = 1.0


class GpuSampler:
    """Samples power, clock, temperature, memory, power limit and clock events of ``devices`` every ``period_s``.

    ``start`` is called before the model is loaded: compute processes of the first look are none of the run's own.
    Times are those of ``time.monotonic``. Polling may itself disturb a counter: a run can do without the sampler, and
    calibration compares both. The devices stay open until after ``stop``. ``seed`` decides the jitter of +-30 %.
    """

    def __init__(self, devices: NvmlDevices, *, period_s: float = 0.1, seed: int) -> None:
        self.period_s = period_s
        self._devices = devices
        self._random = random.Random(seed)  # noqa: S311 - not used for security
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped, name="gpu-sampler", daemon=True)
        self._times_s = array("d")
        self._samples = {uuid: GpuSamples(self._times_s) for uuid in devices.uuids}
        self._limits_w: dict[str, list[tuple[float, float]]] = {uuid: [] for uuid in devices.uuids}
        self._sightings: dict[str, list[Sighting]] = {uuid: [] for uuid in devices.uuids}
        self._mig_enabled: dict[str, bool | None] = {}
        self._default_limits_w: dict[str, float | None] = {}
        self._processes_due_s = 0.0
        self.cpu_s = 0.0

    def start(self) -> None:
        """Take the first sample and start the thread, which ends with the process if it is never stopped."""
        for uuid in self._devices.uuids:
            self._mig_enabled[uuid] = _or_none(self._devices.mig_enabled, uuid)
            self._default_limits_w[uuid] = _or_none(self._devices.default_power_limit_w, uuid)
        self._sample()
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was sampled stays. ``cpu_s`` is then the CPU time in s that the thread took."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def integral_j(self, start_s: float, end_s: float) -> dict[str, float]:
        """Energy in J by UUID from ``start_s`` to ``end_s``; a power stands until the next sample, also across edges.

        Identical readings count like any others. A GPU of which no power was known for more than 5 periods is absent.
        """
        with self._lock:
            integrals = {uuid: samples.integral_j(start_s, end_s) for uuid, samples in self._samples.items()}
        return {uuid: energy_j for uuid, energy_j in integrals.items() if energy_j is not None}

    def conditions(
        self,
        own_process_ids: Collection[int],
        spans_s: Sequence[tuple[float, float]],
        *,
        arrivals_s: Iterable[tuple[float, float]] = (),
        own_until_s: float | None = None,
    ) -> tuple[GpuConditions, ...]:
        """What was seen of each GPU within ``spans_s``; idle power and update periods are left to others.

        This process and its descendants are the run's own; ``own_process_ids`` are further ones (a server's), and
        ``arrivals_s`` are the times within which a further one came to the GPUs. All of them were there by
        ``own_until_s``, by default the start of the first span.
        """
        # The processes are looked for once in a while: one that has come may be seen that much later.
        late_s = _PROCESSES_EVERY_S + _LONGEST_HOLD_PERIODS * self.period_s
        seen_s = [(from_s, until_s + late_s) for from_s, until_s in arrivals_s]
        with self._lock:
            return tuple(
                self._conditions_of(uuid, own_process_ids, spans_s, arrivals_s=seen_s, own_until_s=own_until_s)
                for uuid in self._samples
            )

    def look_for_processes(self) -> None:
        """Look now which processes are on the GPUs, whenever the next look is due."""
        self._note_all_processes(time.monotonic())

    def temperature_c(self, start_s: float, end_s: float) -> dict[str, float]:
        """Mean temperature by UUID of the samples from ``start_s`` to ``end_s``; without the GPUs that told none."""
        with self._lock:
            known = {
                uuid: samples.temperatures_c(samples.span(start_s, end_s)) for uuid, samples in self._samples.items()
            }
        return {uuid: fmean(values) for uuid, values in known.items() if values}

    def last_power_w(self) -> float | None:
        """What all GPUs drew together at the last sample, in W; None if the power of one of them is not known."""
        with self._lock:
            powers_w = [samples.last_power_w() for samples in self._samples.values()]
        known_w = [power_w for power_w in powers_w if power_w is not None]
        return sum(known_w) if known_w and len(known_w) == len(powers_w) else None

    def write_trace(self, path: Path) -> None:
        """Write all samples as ``power_trace`` describes them, whole or not at all."""
        with self._lock:
            times_s = self._times_s[:]
        write_bytes_atomically(path, power_trace(times_s, list(self._samples.values())))

    def _sample_until_stopped(self) -> None:
        while not self._stopping.wait(self.period_s * self._random.uniform(1 - _JITTER, 1 + _JITTER)):
            self._sample()
        self.cpu_s = time.thread_time()

    def _sample(self) -> None:
        devices, uuids = self._devices, self._devices.uuids
        time_s = time.monotonic()
        # NVML is asked outside the lock: a window's edge must not wait for it.
        looks = [self._look_at(uuid) for uuid in uuids]
        limits_w = [_or_none(devices.power_limit_w, uuid) for uuid in uuids]
        with self._lock:
            self._times_s.append(time_s)
            for uuid, look, limit_w in zip(uuids, looks, limits_w, strict=True):
                self._samples[uuid].append(look, longest_hold_s=_LONGEST_HOLD_PERIODS * self.period_s)
                self._note_limit(uuid, limit_w, time_s)
        if time_s >= self._processes_due_s:
            self._note_all_processes(time_s)
            self._processes_due_s = time_s + _PROCESSES_EVERY_S

    def _look_at(self, uuid: str) -> GpuSample:
        devices = self._devices
        return GpuSample(
            power_w=_or_none(devices.power_w, uuid),
            sm_clock_mhz=_or_none(devices.sm_clock_mhz, uuid),
            temperature_c=_or_none(devices.temperature_c, uuid),
            memory_mib=_or_none(devices.memory_used_mib, uuid),
            clock_events=_or_none(devices.clock_event_mask, uuid),
        )

    def _note_limit(self, uuid: str, limit_w: float | None, time_s: float) -> None:
        # In whole watts: a limit that is read back a milliwatt off was not changed.
        seen = self._limits_w[uuid]
        if limit_w is not None and (not seen or abs(limit_w - seen[-1][1]) >= 1):
            seen.append((time_s, float(round(limit_w))))

    def _note_all_processes(self, time_s: float) -> None:
        process_ids = {uuid: _or_none(self._devices.compute_process_ids, uuid) for uuid in self._devices.uuids}
        with self._lock:
            for uuid, ids in process_ids.items():
                if ids is not None:  # else a process would seem to have ended, and count as a new one when seen again
                    self._note_processes(uuid, ids, time_s)

    def _note_processes(self, uuid: str, process_ids: Collection[int], time_s: float) -> None:
        present = {sighting.process_id for sighting in self._sightings[uuid] if sighting.gone_s == math.inf}
        self._sightings[uuid] = [
            replace(sighting, gone_s=min(sighting.gone_s, time_s))
            if sighting.process_id not in process_ids
            else sighting
            for sighting in self._sightings[uuid]
        ]
        for process_id in sorted(set(process_ids) - present):
            # Asked at once: a short-lived child has no parent any more when the window is over.
            own = descends_from(process_id, os.getpid())
            first_look = self._processes_due_s == 0
            self._sightings[uuid].append(Sighting(process_id, time_s, math.inf, first_look=first_look, descends=own))

    def _conditions_of(
        self,
        uuid: str,
        own_process_ids: Collection[int],
        spans_s: Sequence[tuple[float, float]],
        *,
        arrivals_s: Sequence[tuple[float, float]],
        own_until_s: float | None,
    ) -> GpuConditions:
        foreign: set[int] = set()
        limits_w: list[float] = []
        for start_s, end_s in spans_s:
            foreign |= set(
                foreign_process_ids(
                    self._sightings[uuid],
                    own_process_ids,
                    start_s=start_s,
                    end_s=end_s,
                    ids_are_comparable=ids_are_comparable(),
                    arrivals_s=arrivals_s,
                    own_until_s=spans_s[0][0] if own_until_s is None else own_until_s,
                )
            )
            limits_w += _limits_between(self._limits_w[uuid], start_s, end_s)
        return (
            self._samples[uuid]
            .conditions(uuid, spans_s[0][0], spans_s[-1][1])
            .model_copy(
                update={
                    "power_field": self._devices.power_field(uuid),
                    "power_limits_w": tuple(dict.fromkeys(limits_w)),
                    "foreign_process_ids": tuple(sorted(foreign)),
                    "mig_enabled": self._mig_enabled.get(uuid),
                    "default_power_limit_w": self._default_limits_w.get(uuid),
                }
            )
        )


def _limits_between(changes: list[tuple[float, float]], start_s: float, end_s: float) -> tuple[float, ...]:
    """The limit in force at ``start_s`` and every one set until ``end_s``, in order, each once."""
    before = [limit_w for time_s, limit_w in changes if time_s <= start_s]
    within = [limit_w for time_s, limit_w in changes if start_s < time_s <= end_s]
    return tuple(dict.fromkeys(before[-1:] + within))


def _or_none(question: Callable[[str], Answer | None], uuid: str) -> Answer | None:
    try:
        return question(uuid)
    except MeterError:  # the sample has it as unknown; the counter's reading has the reason
        return None
