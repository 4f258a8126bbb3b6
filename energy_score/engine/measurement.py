"""Measured windows: what ran between two readings of every meter."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from energy_score.contract.run_report import Domain, MeterReading, PhaseEnergy
from energy_score.engine.meters.meter import Meter


class PowerIntegral(Protocol):
    """An independent witness of the same windows: the integral of sampled power."""

    def integral_j(self, start_s: float, end_s: float) -> dict[str, float]:
        """Energy in J by GPU UUID between two times of ``time.monotonic``; a GPU that was not sampled is absent."""


@dataclass(frozen=True)
class _Edges:
    """When the work of a window began and ended, in s of ``time.monotonic``."""

    start_s: float
    end_s: float


class Measurement:
    """Measures windows with all meters of a run and keeps them in order.

    A window opens at a tick of the GPUs' counters and closes at the first tick after its work. What a GPU used between
    the ticks and the work is taken off: at its idle power, or at the window's mean power as long as no idle window has
    shown that. How much the energy could be wrong by for it stands beside it. ``counted_span_s`` goes from the start of
    the first counted window to the end of the last one, in s of ``time.monotonic``; ``arrivals_s`` are the times, from
    and until, within which a process of the run came to the GPUs after that first window, kept by whoever started it.
    """

    def __init__(
        self, meters: Sequence[Meter], *, synchronise: Callable[[], None], integral: PowerIntegral | None = None
    ) -> None:
        self._meters = tuple(meters)
        self._synchronise = synchronise
        self._integral = integral
        self.windows: list[PhaseEnergy] = []
        self.counted_span_s: tuple[float, float] | None = None
        self.arrivals_s: list[tuple[float, float]] = []

    def measure(
        self,
        phase: str,
        run_pass: Callable[[], None],
        *,
        repeat: int = 0,
        counted: bool = False,
        query_count: int = 0,
        min_duration_s: float = 0.0,
    ) -> None:
        """Call ``run_pass`` at least once and until ``min_duration_s`` has gone by; keep one window a meter.

        Raises:
            MeterError: a meter stopped giving readings.
        """
        gpus_first = sorted(self._meters, key=lambda meter: meter.domain != "gpu")
        self._synchronise()
        # The GPUs' ticks are waited for outermost, so that the other meters see only the work.
        before = {meter: meter.read_at_tick() for meter in gpus_first}
        start_s = time.monotonic()
        passes = 0
        while passes == 0 or time.monotonic() - start_s < min_duration_s:
            run_pass()
            passes += 1
        self._synchronise()
        edges = _Edges(start_s, time.monotonic())
        after = {meter: meter.read_at_tick() for meter in reversed(gpus_first)}
        if counted:
            first_start_s = edges.start_s if self.counted_span_s is None else self.counted_span_s[0]
            self.counted_span_s = (first_start_s, edges.end_s)

        common = {
            "phase": phase, "repeat": repeat, "counted": counted, "passes": passes, "query_count": query_count,
            "duration_s": edges.end_s - edges.start_s,
        }  # fmt: skip
        for meter in self._meters:
            window = PhaseEnergy(**common, domain=meter.domain, source=meter.source, energy_j={})
            figures = self._figures(meter, before[meter], after[meter], edges, is_idle=phase == "idle")
            self.windows.append(window.model_copy(update=figures))
        if not self._meters:
            self.windows.append(PhaseEnergy(**common, domain=None, source=None, energy_j={}))

    def energy_j(self, domain: Domain) -> float | None:
        """Energy of all windows so far in J, overhead included; None where no meter sees the domain."""
        energies = [window.total_j for window in self.windows if window.domain == domain]
        known = [energy_j for energy_j in energies if energy_j is not None]
        return sum(known) if known else None

    def idle_power_w(self, device: str) -> float | None:
        """Mean power of ``device`` in W over the idle windows so far; None before the first."""
        idle = [window for window in self.windows if window.phase == "idle" and device in window.energy_j]
        duration_s = sum(window.duration_s for window in idle)
        return sum(window.energy_j[device] for window in idle) / duration_s if duration_s else None

    def _figures(
        self, meter: Meter, first: MeterReading, last: MeterReading, edges: _Edges, *, is_idle: bool
    ) -> dict[str, object]:
        """Energy, uncertainty, integral and faults of the window by device."""
        faults = dict(last.faults)
        energy_j: dict[str, float] = {}
        uncertainty_j: dict[str, float] = {}
        for device in {**first.energy_j, **first.faults}:
            if device in faults or device not in first.energy_j or device not in last.energy_j:
                faults.setdefault(device, first.faults.get(device, "counter_lost"))
                continue
            counted_j = last.energy_j[device] - first.energy_j[device]
            outside_s = _outside_s(device, first, last, edges)
            if outside_s is None:
                energy_j[device] = counted_j
                continue
            mean_power_w = counted_j / (edges.end_s - edges.start_s + outside_s)
            known_w = None if is_idle else self.idle_power_w(device)  # an idle window is like what surrounds it
            idle_power_w = mean_power_w if known_w is None else min(known_w, mean_power_w)
            energy_j[device] = counted_j - idle_power_w * outside_s
            uncertainty_j[device] = mean_power_w * outside_s
        integral_j = {}
        if self._integral is not None and meter.domain == "gpu":
            integral_j = self._integral.integral_j(edges.start_s, edges.end_s)
        return {"energy_j": energy_j, "uncertainty_j": uncertainty_j, "integral_j": integral_j, "faults": faults}


def _outside_s(device: str, first: MeterReading, last: MeterReading, edges: _Edges) -> float | None:
    """How long the window of ``device``, from tick to tick, is beyond its work; None where ticks were not seen."""
    if device not in first.tick_s or device not in last.tick_s:
        return None
    return max(0.0, edges.start_s - first.tick_s[device]) + max(0.0, last.tick_s[device] - edges.end_s)
