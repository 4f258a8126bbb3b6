"""Measured windows: what ran between two readings of every meter."""

import time
from collections.abc import Callable, Sequence

from energy_score.contract.run_report import Domain, MeterReading, PhaseEnergy
from energy_score.engine.meters.meter import Meter


class Measurement:
    """Measures windows with all meters of a run and keeps them in order."""

    def __init__(self, meters: Sequence[Meter], *, synchronise: Callable[[], None]) -> None:
        self._meters = tuple(meters)
        self._synchronise = synchronise
        self.windows: list[PhaseEnergy] = []

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
        self._synchronise()
        before = [meter.read() for meter in self._meters]
        start_s = time.monotonic()
        passes = 0
        while passes == 0 or time.monotonic() - start_s < min_duration_s:
            run_pass()
            passes += 1
        self._synchronise()
        duration_s = time.monotonic() - start_s
        after = [meter.read() for meter in self._meters]

        common = {"phase": phase, "repeat": repeat, "counted": counted, "passes": passes, "query_count": query_count}
        for meter, first, last in zip(self._meters, before, after, strict=True):
            self.windows.append(
                PhaseEnergy(
                    **common,
                    duration_s=duration_s,
                    domain=meter.domain,
                    source=meter.source,
                    energy_j=_difference(first, last),
                )
            )
        if not self._meters:
            self.windows.append(PhaseEnergy(**common, duration_s=duration_s, domain=None, source=None, energy_j={}))

    def energy_j(self, domain: Domain) -> float | None:
        """Energy of all windows so far in J, overhead included; None where no meter sees the domain."""
        energies = [window.total_j for window in self.windows if window.domain == domain]
        known = [energy_j for energy_j in energies if energy_j is not None]
        return sum(known) if known else None


def _difference(first: MeterReading, last: MeterReading) -> dict[str, float]:
    return {device: last.energy_j[device] - energy_j for device, energy_j in first.energy_j.items()}
