"""How often a GPU's energy counter and its power reading really change: measured, not assumed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from energy_score.contract.errors import MeterError
from energy_score.shared.gpu.nvml_devices import NvmlDevices

# Between two polls of a counter; an edge is then known to about this long, and a poll costs a core 1 to 5 % of it.
POLL_S = 0.0005
# Beside a working model the poll must not take the model's core; a period is still known to 2 ms.
_POLL_UNDER_LOAD_S = 0.002
_LEAST_CHANGES = 3  # two intervals: with fewer a median says nothing


@dataclass(frozen=True)
class UpdatePeriods:
    """Median time in s between two changes of a reading; None if it changed fewer than three times."""

    counter_s: float | None
    power_s: float | None


class PeriodWatch:
    """Polls counters and power readings and keeps when they changed."""

    def __init__(self, devices: NvmlDevices) -> None:
        self._devices = devices
        self._counters = {uuid: _Changes() for uuid in devices.uuids}
        self._powers = {uuid: _Changes() for uuid in devices.uuids}

    def poll(self) -> None:
        """Read every counter and power once.

        Raises:
            MeterError: NVML does not answer.
        """
        for uuid in self._devices.uuids:
            self._counters[uuid].see(self._devices.energy_mj(uuid))
            self._powers[uuid].see(self._devices.power_w(uuid))

    def periods(self) -> dict[str, UpdatePeriods]:
        """Return the update periods so far, by UUID."""
        return {
            uuid: UpdatePeriods(self._counters[uuid].period_s(), self._powers[uuid].period_s())
            for uuid in self._devices.uuids
        }


def measure_update_periods(devices: NvmlDevices, duration_s: float) -> dict[str, UpdatePeriods]:
    """The update periods of each GPU by UUID, from polling for ``duration_s``.

    A period shorter than the poll cannot be told from it. A power reading that stays the same (an idle GPU may read
    the same milliwatts for seconds) has no period that could be seen; the counter always has one, as a GPU that is
    switched on draws power: None then means that it has stopped, or ticks more slowly than a third of the duration.

    Raises:
        MeterError: NVML stopped answering.
    """
    watch = PeriodWatch(devices)
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s:
        watch.poll()
        time.sleep(POLL_S)
    return watch.periods()


@contextmanager
def poll_beside(devices: NvmlDevices) -> Iterator[Callable[[], dict[str, UpdatePeriods]]]:
    """Poll in a thread while the context is open, and give a function that returns the update periods so far."""
    watch = PeriodWatch(devices)
    stopping = threading.Event()

    def poll_until_stopped() -> None:
        while not stopping.wait(_POLL_UNDER_LOAD_S):
            try:
                watch.poll()
            except MeterError:  # the windows' own readings say what is wrong with the GPU
                continue

    thread = threading.Thread(target=poll_until_stopped, name="gpu-calibration", daemon=True)
    thread.start()
    try:
        yield watch.periods
    finally:
        stopping.set()
        thread.join()


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
