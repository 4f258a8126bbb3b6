"""Which repeats came before the GPU had settled."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from energy_score.contract.run_report import PhaseEnergy
from energy_score.contract.run_spec import RepeatPolicy
from energy_score.shared.analysis.drift import course_of
from energy_score.shared.analysis.passes import phases_of
from energy_score.shared.analysis.student_t import t_cdf

# A settled repeat is taken for an unsettled one in 5 of 100 runs, which then measure one repeat more.
_LEVEL = 0.05
# A difference that is too small to show in the result is ignored. Source: the floor of METHOD.md's intervals.
_NEGLIGIBLE = 0.003
_LEAST_OTHERS = 4


def unsettled_repeats(windows: Sequence[PhaseEnergy], policy: RepeatPolicy) -> tuple[int, ...]:
    """Return the counted repeats at the beginning that are to be discarded as well, at most as the policy allows.

    A repeat is unsettled if its total energy is outside of what the later ones predict for one more of them: beyond
    their mean by t s sqrt(1 + 1/n), and by more than 0.3 %.
    """
    if policy.max_discarded_repeats is None:
        return ()
    totals = _totals_j(windows)
    discarded = len({window.repeat for window in windows if window.repeat > 0}) - len(totals)
    left = max(policy.max_discarded_repeats - discarded, 0)
    count = leading_outliers([energy_j for _, energy_j in totals], most=left)
    return tuple(repeat for repeat, _ in totals[:count])


def leading_outliers(values: Sequence[float], *, most: int) -> int:
    """Return how many of the first ``values``, ``most`` at most, are not like those after them.

    The last one that is outside decides; those before it are then off to the same side, as while a GPU warms up, and
    those after it follow no course: a GPU that drifts all the time never settles.
    """
    for count in range(min(most, len(values) - _LEAST_OTHERS), 0, -1):
        later = values[count:]
        mean = fmean(later)
        sides = {value > mean for value in values[:count]}
        if len(sides) == 1 and _is_outside(values[count - 1], later) and not _drifts(later):
            return count
    return 0


def _is_outside(value: float, others: Sequence[float]) -> bool:
    mean, spread = fmean(others), stdev(others)
    off = abs(value - mean)
    if off <= _NEGLIGIBLE * abs(mean):
        return False
    scale = spread * math.sqrt(1 + 1 / len(others))
    return scale == 0 or 2 * (1 - t_cdf(off / scale, len(others) - 1)) < _LEVEL


def _drifts(values: Sequence[float]) -> bool:
    course = course_of(values)
    return course is not None and course.drifts


def _totals_j(windows: Sequence[PhaseEnergy]) -> list[tuple[int, float]]:
    """The counted repeats in order with their total energy: the GPU's where that is measured, else any meter's."""
    counted = [window for window in windows if window.counted]
    domains = ("gpu", "cpu")
    for domain in domains:
        totals = phases_of(window for window in counted if window.domain == domain)["total"]
        known = [(repeat, one.energy_j) for repeat, one in sorted(totals.items()) if one.energy_j is not None]
        if known and len(known) == len(totals):
            return known
    return []
