"""What is looked at beside a run's GPU meter: sampled power and conditions, update periods, idle power."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from energy_score.contract.errors import MeterError
from energy_score.contract.repair import Repair
from energy_score.contract.run_report import GpuConditions
from energy_score.engine.measurement import Measurement, PowerIntegral
from energy_score.engine.meters.meter import Meter
from energy_score.engine.meters.nvml import NvmlMeter
from energy_score.engine.meters.nvml_power import NvmlPowerMeter
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.clock_events import INVALIDATING_SLOWDOWNS

log = logging.getLogger(__name__)

# Long enough for three updates at 100 ms, the slowest known (METHOD.md, "Energy, phase by phase").
_CALIBRATION_S = 1.0


class GpuWatch:
    """The sampler beside an NVML meter, started before the model is loaded; nothing at all beside any other meter.

    ``own_process_ids`` tells, when it is asked, which processes are the run's beside this one and its descendants.
    """

    def __init__(
        self, meters: Sequence[Meter], *, seed: int, own_process_ids: Callable[[], Collection[int]] = frozenset
    ) -> None:
        self._own_process_ids = own_process_ids
        self._own_at_start = frozenset(own_process_ids())
        self._counter = next((meter for meter in meters if isinstance(meter, NvmlMeter)), None)
        self._power = next((meter for meter in meters if isinstance(meter, NvmlPowerMeter)), None)
        self._sampler = self._power.sampler if self._power is not None else None
        if self._counter is not None:
            self._calibrate(self._counter)
            self._sampler = GpuSampler(self._counter.devices, seed=seed)
            self._sampler.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._counter is not None and self._sampler is not None:
            self._sampler.stop()

    @property
    def integral(self) -> PowerIntegral | None:
        """The second opinion on a counter; None if power itself is the meter, or nothing is sampled."""
        return self._sampler if self._counter is not None else None

    def power_w(self) -> float | None:
        """What all GPUs drew together at the last sample, in W; None if nothing is sampled."""
        return None if self._sampler is None else self._sampler.last_power_w()

    @contextmanager
    def calibrate_under_load(self) -> Iterator[bool]:
        """Measure the update periods beside what runs while the context is open; gives whether there is a counter."""
        if self._counter is None:
            yield False
            return
        with self._counter.calibrate_under_load():
            yield True
        for uuid, periods in self._counter.periods_under_load.items():
            log.info("update periods under load: gpu=%s counter_s=%s", uuid, periods.counter_s)

    def look(self) -> None:
        """Look now which processes are on the GPUs."""
        if self._sampler is not None:
            self._sampler.look_for_processes()

    def defects(self, measurement: Measurement, start_s: float, end_s: float) -> tuple[str, ...]:
        """Return what spoilt the window: ``foreign_process``, ``power_limit_changed``, ``hardware_slowdown``."""
        codes: list[str] = []
        for seen in self._conditions(measurement, [(start_s, end_s)]):
            codes += ["foreign_process"] if seen.foreign_process_ids else []
            codes += ["power_limit_changed"] if len(seen.power_limits_w) > 1 else []
            codes += ["hardware_slowdown"] if set(seen.throttle_reasons) & set(INVALIDATING_SLOWDOWNS) else []
        return tuple(codes)

    def temperature_c(self, start_s: float, end_s: float) -> dict[str, float]:
        """Return each GPU's mean temperature between two times of ``time.monotonic``, in degrees Celsius."""
        return {} if self._sampler is None else self._sampler.temperature_c(start_s, end_s)

    def repairs(self) -> tuple[Repair, ...]:
        """Return the questions to NVML that were answered only when they were asked again."""
        if self._counter is not None:
            return self._counter.devices.repairs.all()
        return () if self._power is None else self._power.devices.repairs.all()

    def conditions(self, measurement: Measurement) -> tuple[GpuConditions, ...]:
        """What was seen of each GPU within the counted windows."""
        counter = self._counter
        idle = {} if counter is None else counter.update_periods
        loaded = {} if counter is None else counter.periods_under_load
        return tuple(
            seen.model_copy(
                update={
                    "idle_power_w": measurement.idle_power_w(seen.uuid),
                    "counter_period_s": idle[seen.uuid].counter_s if seen.uuid in idle else None,
                    "counter_period_under_load_s": loaded[seen.uuid].counter_s if seen.uuid in loaded else None,
                    "power_period_s": idle[seen.uuid].power_s if seen.uuid in idle else None,
                }
            )
            for seen in self._conditions(measurement, measurement.counted_spans_s)
        )

    def _conditions(
        self, measurement: Measurement, spans_s: Sequence[tuple[float, float]]
    ) -> tuple[GpuConditions, ...]:
        if self._sampler is None or not spans_s:
            return ()
        counted_s = measurement.counted_spans_s
        return self._sampler.conditions(
            self._own_at_start | frozenset(self._own_process_ids()),
            spans_s,
            arrivals_s=measurement.arrivals_s,
            own_until_s=counted_s[0][0] if counted_s else None,
        )

    @staticmethod
    def _calibrate(counter: NvmlMeter) -> None:
        try:
            periods_by_gpu = counter.calibrate(_CALIBRATION_S)
        except MeterError as error:  # the windows' own readings say whether it lasts
            log.warning("not calibrated: %s", error)
            return
        for uuid, periods in periods_by_gpu.items():
            log.info("update periods: gpu=%s counter_s=%s power_s=%s", uuid, periods.counter_s, periods.power_s)

    def write_trace(self, path: Path) -> None:
        """Keep what was sampled; nothing is written where nothing was."""
        if self._sampler is not None:
            self._sampler.write_trace(path)
