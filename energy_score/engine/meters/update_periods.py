"""How often a GPU's energy counter and its power reading really change: measured, not assumed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from energy_score.shared.gpu.nvml_devices import NvmlDevices

# Between two polls of a counter; an edge is then known to about this long, and a poll costs a core 1 to 5 % of it.
POLL_S = 0.0005
_LEAST_CHANGES = 3  # two intervals: with fewer a median says nothing


@dataclass(frozen=True)
class UpdatePeriods:
    """Median time in s between two changes of a reading; None where it changed fewer than three times."""

    counter_s: float | None
    power_s: float | None


def measure_update_periods(devices: NvmlDevices, duration_s: float) -> dict[str, UpdatePeriods]:
    """The update periods of each GPU by UUID, from polling for ``duration_s``.

    A period shorter than the poll cannot be told from it. A power reading that stays the same (an idle GPU may read
    the same milliwatts for seconds) has no period that could be seen; the counter always has one, as a GPU that is
    switched on draws power: None then means that it has stopped, or ticks more slowly than a third of the duration.

    Raises:
        MeterError: NVML stopped answering.
    """
    counters = {uuid: _Changes() for uuid in devices.uuids}
    powers = {uuid: _Changes() for uuid in devices.uuids}
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        for uuid in devices.uuids:
            counters[uuid].see(devices.energy_mj(uuid))
            powers[uuid].see(devices.power_w(uuid))
        time.sleep(POLL_S)
    return {uuid: UpdatePeriods(counters[uuid].period_s(), powers[uuid].period_s()) for uuid in devices.uuids}


class _Changes:
    """When a polled value changed."""

    def __init__(self) -> None:
        self._value: float | None = None
        self._times_s: list[float] = []

    def see(self, value: float | None) -> None:
        if self._value is not None and value is not None and value != self._value:
            self._times_s.append(time.monotonic())
        self._value = value

    def period_s(self) -> float | None:
        return _median_interval_s(self._times_s) if len(self._times_s) >= _LEAST_CHANGES else None


def _median_interval_s(times_s: Sequence[float]) -> float:
    return median(later - earlier for earlier, later in pairwise(times_s))
