"""GPU energy from NVML's total-energy counter, for the GPUs that CUDA shows to this process.

Whoever measures synchronises the framework before each reading: the counter knows nothing of queued work.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, MeterReading
from energy_score.engine.meters.update_periods import POLL_S, UpdatePeriods, measure_update_periods, poll_beside
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices

_MJ_PER_J = 1000.0
# A tick is late after so many periods of its counter, and after so long whatever they are. Without calibration: five
# times the slowest period known (100 ms, arXiv 2312.02741).
_PERIODS_TO_WAIT = 2.5
_LEAST_WAIT_S = 0.1
_WAIT_UNCALIBRATED_S = 0.5
# Source: METHOD.md, "Transient faults, sensors, intervals": frozen is what does not move for 2 s while power is drawn.
_FROZEN_AFTER_S = 2.0
# Four polls: a tick known no better was met by a poll that had to wait for its core. 1 ms of 300 W are 0.3 J.
_SHARP_S = 0.002
# So many different values show the step that all of them are multiples of.
_VALUES_FOR_A_STEP = 10


@dataclass
class _Counted:
    """What one reading found: counters in mJ, when they ticked, which of them failed, and which ticked late."""

    energy_mj: dict[str, int] = field(default_factory=dict)
    tick_s: dict[str, float] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)


class _Steps:
    """The largest step that all values of a counter are multiples of, once enough of them were seen."""

    def __init__(self) -> None:
        self._step_mj = 0
        self._last_mj: int | None = None
        self._values = 0

    def see(self, energy_mj: int) -> None:
        if energy_mj != self._last_mj:
            self._step_mj = math.gcd(self._step_mj, energy_mj)
            self._last_mj = energy_mj
            self._values += 1

    @property
    def step_j(self) -> float:
        return self._step_mj / _MJ_PER_J if self._values >= _VALUES_FOR_A_STEP else 0.0


@dataclass
class _TickWatch:
    """A counter being polled: its last value, when that was read, and the last tick with the time it lies within."""

    polled_s: float
    energy_mj: int | None
    tick_s: float | None = None
    bracket_s: float = math.inf

    def see(self, time_s: float, energy_mj: int | None) -> None:
        if self.energy_mj is not None and energy_mj != self.energy_mj:
            self.tick_s, self.bracket_s = (self.polled_s + time_s) / 2, time_s - self.polled_s
        self.polled_s, self.energy_mj = time_s, energy_mj

    @property
    def saw_tick_sharply(self) -> bool:
        return self.bracket_s <= _SHARP_S


class NvmlMeter:
    """Energy of the GPUs in J since the driver was loaded, from ``nvmlDeviceGetTotalEnergyConsumption`` (mJ).

    The counter counts every process on the GPU, in steps of its update period (20 to 100 ms on data-centre GPUs).
    ``faults`` of a reading: ``counter_reset``, once, in the first reading after a counter went back (the driver or the
    GPU was reset), so that the windows before and after stay good; ``counter_frozen``, where it stood still for 2 s
    though the GPU draws power; ``counter_lost``, where NVML gave no answer, also when asked again. A reset after which
    the counter has overtaken its old value is not seen here: the integral of sampled power tells it.
    """

    domain: Domain = "gpu"

    def __init__(self, devices: NvmlDevices) -> None:
        self.devices = devices
        self.gpus = devices.gpus
        self.source = EnergySource.SIMULATED if devices.simulated else EnergySource.NVML_COUNTER
        self.update_periods: Mapping[str, UpdatePeriods] = {}
        self.periods_under_load: Mapping[str, UpdatePeriods] = {}
        self._last_mj: dict[str, int] = {}
        self._steps = {uuid: _Steps() for uuid in devices.uuids}

    @property
    def description(self) -> str:
        """The GPUs read, by UUID."""
        return f"NVML total-energy counter of {', '.join(f'{gpu.name} {gpu.uuid}' for gpu in self.gpus)}"

    def calibrate(self, duration_s: float = 1.0) -> Mapping[str, UpdatePeriods]:
        """The update periods by UUID, measured for ``duration_s`` and kept: they bound the wait of ``read_at_tick``.

        Raises:
            MeterError: NVML stopped answering.
        """
        self.update_periods = measure_update_periods(self.devices, duration_s)
        return self.update_periods

    @contextmanager
    def calibrate_under_load(self) -> Iterator[None]:
        """Measure the update periods while the context is open, beside whatever runs in it: they may be others then."""
        with poll_beside(self.devices) as periods:
            yield
            self.periods_under_load = periods()

    def read(self) -> MeterReading:
        """The counters in J by GPU UUID, at once."""
        time_s = time.monotonic()
        found = _Counted()
        for uuid in self.devices.uuids:
            self._keep(found, uuid, self._energy_mj(uuid))
        return self._reading(time_s, found)

    def read_at_tick(self) -> MeterReading:
        """The counters in J, each just after it moved; ``tick_s`` is when, to about 0.3 ms either way.

        A tick is ``late`` that does not come within 2.5 calibrated periods (0.5 s without calibration), and is waited
        for until the counter counts as frozen. A tick during which the poll was held up is let go for the next one, as
        long as that is not late.
        """
        found = _Counted()
        watches = {uuid: _TickWatch(time.monotonic(), self._energy_mj(uuid)) for uuid in self.devices.uuids}
        start_s = time.monotonic()
        while watches:
            time.sleep(POLL_S)
            for uuid, watch in tuple(watches.items()):
                # Taken before the counter is read: after a long sleep the counter still gets its one more chance.
                time_s = time.monotonic()
                watch.see(time_s, self._energy_mj(uuid))
                is_late = time_s - start_s >= self._longest_wait_s(uuid)
                if watch.energy_mj is None or watch.saw_tick_sharply or (is_late and watch.tick_s is not None):
                    self._end_watch(found, uuid, watch, is_late=is_late)
                elif is_late and not self._draws_power(uuid):
                    self._end_watch(found, uuid, watch, is_late=False)
                elif is_late and time_s - start_s >= _FROZEN_AFTER_S:
                    found.faults[uuid] = "counter_frozen"
                    self._end_watch(found, uuid, watch, is_late=True)
                else:
                    continue
                del watches[uuid]
        return self._reading(time.monotonic(), found)

    def close(self) -> None:
        """Give NVML back."""
        self.devices.close()

    def _end_watch(self, found: _Counted, uuid: str, watch: _TickWatch, *, is_late: bool) -> None:
        if watch.tick_s is not None:
            found.tick_s[uuid] = watch.tick_s
        if is_late:
            found.late.append(uuid)
        self._keep(found, uuid, watch.energy_mj)

    def _keep(self, found: _Counted, uuid: str, energy_mj: int | None) -> None:
        if energy_mj is None:
            found.faults[uuid] = "counter_lost"
            return
        if energy_mj < self._last_mj.get(uuid, 0):
            found.faults[uuid] = "counter_reset"
        self._last_mj[uuid] = energy_mj
        if uuid not in found.faults:
            found.energy_mj[uuid] = energy_mj

    def _reading(self, time_s: float, found: _Counted) -> MeterReading:
        return MeterReading(
            time_s=time_s,
            energy_j={uuid: energy_mj / _MJ_PER_J for uuid, energy_mj in found.energy_mj.items()},
            tick_s={uuid: tick_s for uuid, tick_s in found.tick_s.items() if uuid not in found.faults},
            faults=found.faults,
            late=tuple(found.late),
            resolution_j={uuid: steps.step_j for uuid, steps in self._steps.items()},
        )

    def _energy_mj(self, uuid: str) -> int | None:
        try:
            energy_mj = self.devices.energy_mj(uuid)
        except MeterError:
            return None
        if energy_mj is not None:
            self._steps[uuid].see(energy_mj)
        return energy_mj

    def _draws_power(self, uuid: str) -> bool:
        """True unless the GPU says that it draws none: one that is switched on does, and its counter must move."""
        try:
            return self.devices.power_w(uuid) != 0
        except MeterError:
            return True

    def _longest_wait_s(self, uuid: str) -> float:
        known_s = [
            periods[uuid].counter_s
            for periods in (self.update_periods, self.periods_under_load)
            if uuid in periods and periods[uuid].counter_s is not None
        ]
        slowest_s = max((period_s for period_s in known_s if period_s is not None), default=None)
        return _WAIT_UNCALIBRATED_S if slowest_s is None else max(_PERIODS_TO_WAIT * slowest_s, _LEAST_WAIT_S)


def open_nvml_meter(shown: str | None = None) -> NvmlMeter:
    """A meter on the GPUs in CUDA_VISIBLE_DEVICES (or in ``shown``), each of which has the counter.

    Raises:
        MeterError: no pynvml, no driver, no visible GPU, or a GPU without the counter; the message says which.
    """
    devices = open_nvml_devices(shown=shown)
    try:
        without = [uuid for uuid in devices.uuids if devices.energy_mj(uuid) is None]
    except MeterError:
        devices.close()
        raise
    if without:
        devices.close()
        raise MeterError(
            f"{', '.join(without)}: this GPU has no total-energy counter; Volta and later data-centre GPUs have one; "
            "choose the meter 'nvml-power'"
        )
    return NvmlMeter(devices)
