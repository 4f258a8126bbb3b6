"""The arithmetic of one window: from two readings to the energy of the work between them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from energy_score.contract.run_report import MeterReading
from energy_score.shared.analysis.passes import PAUSE_UNCERTAINTY

# The standard error of an integral is that of the means of so many batches at least. Source: batch means, Law and
# Kelton, Simulation Modeling and Analysis, 9.5.3.
_LEAST_BATCHES = 8
# A batch holds several updates of the sensor (100 ms, arXiv 2312.02741).
_LEAST_BATCH_S = 0.5


@dataclass(frozen=True)
class Work:
    """When the counters were read, when the work began and ended, and its pauses; in s of ``time.monotonic``."""

    opened_s: float
    start_s: float
    end_s: float
    pauses_s: tuple[tuple[float, float], ...] = ()

    @property
    def paused_s(self) -> float:
        """The time between queries in which nothing ran, in s."""
        return sum(until_s - from_s for from_s, until_s in self.pauses_s)

    @property
    def duration_s(self) -> float:
        """The time of the work without its pauses, in s."""
        return self.end_s - self.start_s - self.paused_s

    @property
    def chunks_s(self) -> list[tuple[float, float]]:
        """The stretches of work between the pauses."""
        starts_s = [self.start_s, *(until_s for _, until_s in self.pauses_s)]
        ends_s = [*(from_s for from_s, _ in self.pauses_s), self.end_s]
        return list(zip(starts_s, ends_s, strict=True))


def device_figures(
    first: MeterReading, last: MeterReading, work: Work, *, idle_w: Mapping[str, float | None]
) -> dict[str, object]:
    """Return ``energy_j``, ``uncertainty_j`` and ``faults`` of a window by device.

    ``idle_w`` is each device's idle power; the window's mean power is used where that is not known, or less.
    """
    faults = dict(last.faults)
    energy_j: dict[str, float] = {}
    uncertainty_j: dict[str, float] = {}
    for device in {**first.energy_j, **first.faults}:
        if device in faults or device not in first.energy_j or device not in last.energy_j:
            faults.setdefault(device, first.faults.get(device, "counter_lost"))
            continue
        counted_j = last.energy_j[device] - first.energy_j[device]
        ticks_s, pauses_s = 0.0, work.paused_s
        if device in first.tick_s and device in last.tick_s:
            ticks_s = max(0.0, work.opened_s - first.tick_s[device]) + max(0.0, last.tick_s[device] - work.end_s)
            pauses_s += work.start_s - work.opened_s
        elif not pauses_s:
            energy_j[device] = counted_j
            continue
        mean_power_w = counted_j / (work.duration_s + ticks_s + pauses_s)
        known_w = idle_w.get(device)
        outside_w = mean_power_w if known_w is None else min(known_w, mean_power_w)
        energy_j[device] = counted_j - outside_w * (ticks_s + pauses_s)
        uncertainty_j[device] = (
            mean_power_w * ticks_s
            + (PAUSE_UNCERTAINTY if known_w is not None else 1.0) * outside_w * pauses_s
            + last.resolution_j.get(device, 0.0)
        )
    return {"energy_j": energy_j, "uncertainty_j": uncertainty_j, "faults": faults}


def integral_figures(
    integral_j: Callable[[float, float], dict[str, float]], work: Work, *, idle_w: Mapping[str, float | None]
) -> dict[str, object]:
    """Return ``integral_j``, ``integral_sigma_j`` and ``pause_energy_j`` of a window by device.

    The standard error is that of batch means: T / sqrt(n) times the standard deviation of the mean powers of n batches
    of the work, T its duration. Batches are the chunks between the pauses, or equal parts where these are few.
    """
    whole_j = integral_j(work.start_s, work.end_s)
    batches = [(start_s, end_s, integral_j(start_s, end_s)) for start_s, end_s in _batches(work)]
    pause_j = {device: (idle_w.get(device) or 0.0) * work.paused_s for device in whole_j} if work.pauses_s else {}
    net_j, sigma_j = {}, {}
    for device, energy_j in whole_j.items():
        net_j[device] = energy_j - pause_j.get(device, 0.0)
        powers_w = [
            (energies_j[device] / (end_s - start_s), end_s - start_s)
            for start_s, end_s, energies_j in batches
            if device in energies_j and end_s > start_s
        ]
        if len(powers_w) > 1:
            sigma_j[device] = _sigma_of_sum(powers_w)
    return {"integral_j": net_j, "integral_sigma_j": sigma_j, "pause_energy_j": pause_j}


def _batches(work: Work) -> Sequence[tuple[float, float]]:
    chunks = work.chunks_s
    if len(chunks) >= _LEAST_BATCHES:
        return chunks
    count = min(_LEAST_BATCHES, int((work.end_s - work.start_s) / _LEAST_BATCH_S))
    edges_s = [work.start_s + (work.end_s - work.start_s) * part / count for part in range(count + 1)] if count else []
    return list(pairwise(edges_s))


def _sigma_of_sum(powers_w: Sequence[tuple[float, float]]) -> float:
    """The standard error in J of a sum of batches, each its mean power in W over its duration in s."""
    total_s = sum(duration_s for _, duration_s in powers_w)
    mean_w = sum(power_w * duration_s for power_w, duration_s in powers_w) / total_s
    squares = math.fsum((duration_s * (power_w - mean_w)) ** 2 for power_w, duration_s in powers_w)
    return math.sqrt(squares * len(powers_w) / (len(powers_w) - 1))
