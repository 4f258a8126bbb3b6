"""The counter set against the integral of sampled power, over all work windows of a run."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from energy_score.contract.run_report import WORK_PHASES, PhaseEnergy

# Our choice: a healthy sensor is outside of three standard errors in 3 of 1,000 runs.
STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class IntegralCheck:
    """Counter and integral of ``device``, each summed over the same ``windows``; ``sigma_j`` is the integral's error.

    Both read the same sensor, so agreement proves little; disagreement proves that one of them is wrong.
    """

    device: str
    windows: int
    counter_j: float
    integral_j: float
    sigma_j: float

    @property
    def discrepancy(self) -> float:
        """How far the integral is from the counter, as a part of the counter's energy, unsigned."""
        # Not the ratio less one: of 1050 and 1000 J that is a little more than 0.05.
        return abs(self.integral_j - self.counter_j) / self.counter_j

    def limit(self, allowed: float) -> float:
        """Return ``allowed`` and the standard errors, as a part of the counter's energy."""
        return allowed + STANDARD_ERRORS * self.sigma_j / self.counter_j


def integral_check(gpu_windows: Iterable[PhaseEnergy]) -> IntegralCheck | None:
    """Return the check of the GPU that is the furthest beyond its limit; None if nothing can be compared.

    Standard errors of windows are independent: variances are added.
    """
    windows = [window for window in gpu_windows if window.counted and window.phase in WORK_PHASES]
    checks = []
    for device in dict.fromkeys(device for window in windows for device in window.integral_j):
        own = [window for window in windows if device in window.integral_j and device in window.energy_j]
        counter_j = sum(window.energy_j[device] for window in own)
        if counter_j > 0:
            checks.append(
                IntegralCheck(
                    device=device,
                    windows=len(own),
                    counter_j=counter_j,
                    integral_j=sum(window.integral_j[device] for window in own),
                    sigma_j=math.hypot(*(window.integral_sigma_j.get(device, 0.0) for window in own)),
                )
            )
    return max(checks, key=lambda check: check.discrepancy - check.limit(0.0), default=None)
