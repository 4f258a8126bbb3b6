"""Windows as the engine measures them: ``Measurement`` with the NVML meter, after an idle window, as in a run.

With the sampler of power beside it, whose integral checks the counter, or without (``--no-sampler``).
"""

import functools
import sys
import time

from benchmarks.meter_windows.plan import Load, Plan, serve
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.nvml import open_nvml_meter
from energy_score.engine.meters.nvml_power import open_nvml_power_meter
from energy_score.engine.meters.sampler import GpuSampler

IDLE_BASELINE_S = 1.0  # 30 s and more in a run; an idle simulated GPU has nothing more to show
SEED = 42
NO_SAMPLER = "--no-sampler"


class Faulty(Exception):  # noqa: N818 - the name is shown with the fault
    """The window has no figure; the text is the meter's own reason."""


class Ours:
    """One meter for all windows, as in a run."""

    def __init__(self, plan: Plan, *, sampled: bool) -> None:
        self._measurement = self._by_power() if plan.by_power else self._by_counter(sampled=sampled)
        self._measurement.measure("idle", functools.partial(time.sleep, IDLE_BASELINE_S))

    def __call__(self, load: Load) -> float | None:
        """The window's energy in J.

        Raises:
            Faulty: the meter names a fault.
        """
        self._measurement.measure("window", load)
        window = self._measurement.windows[-1]
        if window.faults:
            raise Faulty(", ".join(window.faults.values()))
        return window.total_j

    @staticmethod
    def _by_counter(*, sampled: bool) -> Measurement:
        meter = open_nvml_meter()
        sampler = GpuSampler(meter.devices, seed=SEED) if sampled else None
        if sampler is not None:
            sampler.start()
        return Measurement([meter], synchronise=lambda: None, integral=sampler)

    @staticmethod
    def _by_power() -> Measurement:
        return Measurement([open_nvml_power_meter()], synchronise=lambda: None)


if __name__ == "__main__":
    serve(functools.partial(Ours, sampled=NO_SAMPLER not in sys.argv), loggers=("energy_score",))
