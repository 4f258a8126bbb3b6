"""Intervals of correlated repeats, their course, and which of them come before the GPU has settled."""

import math
import random
from collections.abc import Callable, Sequence

import pytest

from energy_score.contract.run_report import PhaseEnergy
from energy_score.contract.run_spec import RepeatPolicy
from energy_score.shared.analysis.drift import course_of
from energy_score.shared.analysis.intervals import correlated_interval, with_floor
from energy_score.shared.analysis.settling import leading_outliers, unsettled_repeats
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.student_t import t_cdf

SERIES = 400


# Source: the quantiles of NIST/SEMATECH, e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (30, 2.042)]
)
def test_students_t_has_the_tabulated_quantiles(freedom: int, quantile: float) -> None:
    assert t_cdf(quantile, freedom) == pytest.approx(0.975, abs=2e-5)
    assert t_cdf(-quantile, freedom) == pytest.approx(0.025, abs=2e-5)
    assert t_cdf(0, freedom) == 0.5


def series(count: int, *, correlation: float = 0.0, creep: float = 0.0, seed: int = 0) -> list[list[float]]:
    """Many series around 0 with unit deviation; ``creep`` lowers the first three, less and less."""
    draw, found = random.Random(seed), []
    for _ in range(SERIES):
        values = [draw.gauss(0, 1)]
        for _ in range(count - 1):
            values.append(correlation * values[-1] + math.sqrt(1 - correlation**2) * draw.gauss(0, 1))
        for index, part in enumerate((1, 2 / 3, 1 / 3)):
            values[index] -= creep * part
        found.append(values)
    return found


def coverage(many: Sequence[Sequence[float]]) -> float:
    """How often the interval holds 0, the truth."""
    inside = 0
    for values in many:
        interval = correlated_interval(values)
        assert interval is not None
        inside += abs(sum(values) / len(values)) <= interval.half_width
    return inside / len(many)


# Source of the least: issue 18, "Coverage of the interval".
@pytest.mark.parametrize(
    ("count", "correlation", "least"),
    [(10, 0.0, 0.95), (20, 0.0, 0.95), (10, 0.5, 0.90), (20, 0.5, 0.90), (10, 0.8, 0.78), (20, 0.8, 0.85)],
)
def test_the_interval_holds_the_truth_also_where_repeats_resemble_each_other(
    count: int, correlation: float, least: float
) -> None:
    assert coverage(series(count, correlation=correlation, seed=count)) >= least


def test_independent_repeats_have_intervals_of_less_than_twice_the_naive_width() -> None:
    halves = [interval.half_width for values in series(10, seed=3) if (interval := correlated_interval(values))]
    assert 2.262 / math.sqrt(10) < sum(halves) / len(halves) < 2 * 2.262 / math.sqrt(10)


def test_independent_repeats_are_worth_more_than_correlated_ones() -> None:
    worths = [
        sum(one.effective_repeats for values in series(20, correlation=rho) if (one := correlated_interval(values)))
        for rho in (0.0, 0.8)
    ]
    assert worths[0] > 2 * worths[1]


def test_few_repeats_and_equal_ones_have_no_correlation_to_reckon_with() -> None:
    assert correlated_interval([1.0, 2.0, 3.0]) is None
    equal = correlated_interval([5.0] * 10)
    assert equal is not None
    assert (equal.half_width, equal.effective_repeats) == (0.0, 10.0)


def test_a_half_width_has_a_floor_of_three_thousandths() -> None:
    assert with_floor(0.1, 100.0) == pytest.approx(0.3)
    assert with_floor(0.4, 100.0) == 0.4
    assert with_floor(None, 100.0) is None


def test_independent_repeats_seldom_drift_and_correlated_ones_often_do() -> None:
    """Issue 18: in at most 5 of 100 independent series, and at AR(1) 0.8 in at least 80 of 100 of twenty."""

    def share(many: Sequence[Sequence[float]]) -> float:
        return sum(
            (course := course_of([100 + value for value in values])) is not None and course.drifts for values in many
        ) / len(many)

    assert share(series(10, seed=5)) <= 0.07  # 0.043 in the mean, and SERIES draws
    assert share(series(20, seed=6)) <= 0.07
    assert share(series(20, correlation=0.8, seed=7)) >= 0.8
    assert share(series(10, correlation=0.8, seed=8)) >= 0.45


def test_a_course_says_what_was_found() -> None:
    rising = course_of([100.0, 101.1, 101.9, 103.0, 104.1, 105.0])
    assert rising is not None
    assert rising.has_trend
    assert rising.slope == pytest.approx(0.00977, rel=0.01)
    assert course_of([100.0] * 10) is None
    assert course_of([1.0, 2.0, 3.0, 4.0]) is None


def test_repeats_of_a_gpu_that_warms_up_come_before_those_that_count() -> None:
    settled = [100.0, 100.4, 99.7, 100.2, 99.8, 100.1, 99.9]
    assert leading_outliers([97.0, 98.0, 99.0, *settled], most=4) == 3
    assert leading_outliers([97.0, 98.0, 99.0, *settled], most=2) == 2
    assert leading_outliers(settled, most=4) == 0
    # One low value among others is not a warm-up, and neither is a difference under 0.3 %.
    assert leading_outliers([100.1, 99.9, 97.0, *settled], most=4) == 0
    assert leading_outliers([99.8, *[100.0, 100.01] * 5], most=4) == 0


def test_the_policy_says_how_many_repeats_may_be_discarded(make_window: Callable[..., PhaseEnergy]) -> None:
    energies_j = [90.0, 97.0, 98.0, 99.0, 100.0, 100.4, 99.7, 100.2, 99.8, 100.1, 99.9]
    windows = [
        make_window(repeat=repeat, counted=repeat > 1, energy_j={"GPU-a": energy_j})
        for repeat, energy_j in enumerate(energies_j, start=1)
    ]
    policy = RepeatPolicy(protocol="official", repeats=10, discarded_repeats=1, min_phase_s=10, idle_baseline_s=30)
    assert unsettled_repeats(windows, policy) == ()
    assert unsettled_repeats(windows, policy.model_copy(update={"max_discarded_repeats": 5})) == (2, 3, 4)
    assert unsettled_repeats(windows, policy.model_copy(update={"max_discarded_repeats": 2})) == (2,)


def test_the_statistics_hold_the_wider_interval_and_the_course(make_window: Callable[..., PhaseEnergy]) -> None:
    windows = [make_window(repeat=number, energy_j={"GPU-a": 3600.0 + 40 * number}) for number in range(1, 11)]
    total = next(figure for figure in phase_statistics(windows) if figure.phase == "total")
    assert total.drifts
    assert total.effective_repeats is not None
    assert total.effective_repeats < 3
    assert total.stdev_energy_j is not None
    assert total.ci95_half_width_j is not None
    assert total.ci95_half_width_j > 2 * 2.262 * total.stdev_energy_j / math.sqrt(10)
