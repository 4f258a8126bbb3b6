"""What is looked at beside a run's GPU meter: sampled power and conditions, update periods, idle power."""

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Self

from energy_score.contract.run_report import GpuConditions
from energy_score.engine.measurement import Measurement, PowerIntegral
from energy_score.engine.meters.meter import Meter
from energy_score.engine.meters.nvml import NvmlMeter
from energy_score.engine.meters.nvml_power import NvmlPowerMeter
from energy_score.engine.meters.sampler import GpuSampler

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
        power = next((meter for meter in meters if isinstance(meter, NvmlPowerMeter)), None)
        self._sampler = power.sampler if power is not None else None
        if self._counter is not None:
            for uuid, periods in self._counter.calibrate(_CALIBRATION_S).items():
                log.info("update periods: gpu=%s counter_s=%s power_s=%s", uuid, periods.counter_s, periods.power_s)
            self._sampler = GpuSampler(self._counter.devices, seed=seed)
            self._sampler.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._counter is not None and self._sampler is not None:
            self._sampler.stop()

    @property
    def integral(self) -> PowerIntegral | None:
        """The second opinion on a counter; None where power itself is the meter, or nothing is sampled."""
        return self._sampler if self._counter is not None else None

    def power_w(self) -> float | None:
        """What all GPUs drew together at the last sample, in W; None where nothing is sampled."""
        return None if self._sampler is None else self._sampler.last_power_w()

    def conditions(self, measurement: Measurement) -> tuple[GpuConditions, ...]:
        """What was seen of each GPU from the first to the last counted window."""
        span = measurement.counted_span_s
        if self._sampler is None or span is None:
            return ()
        periods = self._counter.update_periods if self._counter is not None else {}
        own_process_ids = self._own_at_start | frozenset(self._own_process_ids())
        return tuple(
            seen.model_copy(
                update={
                    "idle_power_w": measurement.idle_power_w(seen.uuid),
                    "counter_period_s": periods[seen.uuid].counter_s if seen.uuid in periods else None,
                    "power_period_s": periods[seen.uuid].power_s if seen.uuid in periods else None,
                }
            )
            for seen in self._sampler.conditions(own_process_ids, *span, arrivals_s=measurement.arrivals_s)
        )

    def write_trace(self, path: Path) -> None:
        """Keep what was sampled; nothing is written where nothing was."""
        if self._sampler is not None:
            self._sampler.write_trace(path)
