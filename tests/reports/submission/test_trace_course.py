"""Facts about the power trace of one GPU: the place of a window's energy in it, and its conditions."""

import math
from typing import Any

import pytest

from energy_score.contract.run_report import GpuConditions
from energy_score.reports.submission.trace_course import Course

NONE = float("nan")


def course(*powers_w: float, period_s: float = 1.0, **seen: Any) -> Course:
    """A sample of each power, ``period_s`` apart; ``seen`` replaces what else was sampled."""
    count = len(powers_w)
    plain: dict[str, Any] = {
        "times_s": [period_s * number for number in range(count)],
        "clocks_mhz": [1980.0] * count,
        "temperatures_c": [50.0] * count,
        "memory_mib": [1000.0] * count,
        "reasons": [0] * count,
        "names": [frozenset(), frozenset({"sw_power_cap"})],
    }
    return Course.of(powers_w=powers_w, **(plain | seen))


def test_a_window_lies_where_its_energy_does_and_the_earliest_place_is_taken() -> None:
    of_two_levels = course(100, 100, 100, 300, 300, 300, 100)
    assert of_two_levels.find_place(2.0, 200.0, begin_s=0.0, end_s=6.0) == pytest.approx(0.0, abs=0.002)
    assert of_two_levels.find_place(2.0, 600.0, begin_s=0.0, end_s=6.0) == pytest.approx(3.0, abs=0.01)
    # 1 s of each power: so it is around both steps.
    assert of_two_levels.find_place(2.0, 400.0, begin_s=0.0, end_s=8.0) == pytest.approx(2.0, abs=0.01)
    assert of_two_levels.find_place(2.0, 400.0, begin_s=3.0, end_s=8.0) == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize(
    ("energy_j", "begin_s", "end_s"),
    [
        (700.0, 0.0, 6.0),  # more than the GPU ever drew in 2 s
        (100.0, 0.0, 6.0),  # less than it drew at rest
        (600.0, 3.1, 5.0),  # it would end too late
        (600.0, 4.1, 8.0),  # it would have begun earlier
    ],
)
def test_a_window_that_no_course_of_power_gives_has_no_place(energy_j: float, begin_s: float, end_s: float) -> None:
    of_two_levels = course(100, 100, 100, 300, 300, 300, 100)
    assert of_two_levels.find_place(2.0, energy_j, begin_s=begin_s, end_s=end_s) is None


def test_a_power_stands_until_the_next_that_is_known() -> None:
    with_a_gap = course(300, NONE, NONE, 300)
    assert with_a_gap.find_place(3.0, 900.0, begin_s=0.0, end_s=3.0) == pytest.approx(0.0, abs=0.002)
    assert with_a_gap.longest_gap_s == 3.0
    assert course(300, 300, 300).longest_gap_s == 1.0


def test_without_a_first_power_nothing_is_known_and_without_samples_nothing_lies_anywhere() -> None:
    assert math.isinf(course(NONE, 300).longest_gap_s)
    assert math.isinf(course().longest_gap_s)
    assert (course().end_s, course().find_place(1.0, 0.0, begin_s=0.0, end_s=1.0)) == (0.0, None)


def test_the_last_power_stands_for_five_periods_and_those_are_a_tenth_of_a_second_at_least() -> None:
    assert course(300, 300).end_s == 6.0
    assert course(300).end_s == 0.5
    assert course(300, 300, period_s=0.01).end_s == pytest.approx(0.01 + 0.5)


def test_samples_like_the_reports_lie_between_the_one_before_and_the_one_after() -> None:
    seen = GpuConditions(uuid="GPU-a", sample_count=3, mean_power_w=300.0, peak_power_w=300.0)
    assert course(100, 100, 300, 300, 300, 100, 100).span_like(seen) == (1.0, 5.0)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ({"sample_count": 9}, "4 samples, but the report counts 9"),
        ({"sample_count": 0}, "4 samples, but the report counts 0"),
        ({"peak_power_w": 400.0}, "at most 300 W, but the report says 400 W"),
        ({"peak_power_w": 100.0}, "no 4 consecutive samples match the report: 100 W at most"),
        ({"mean_power_w": 210.0}, "no 4 consecutive samples match the report: mean power 210 W"),
        ({"temperature_max_c": 49}, "no 4 consecutive samples match the report: 49 C at most"),
        ({"sm_clock_min_mhz": 1755}, "no 4 consecutive samples match the report: 1755 MHz at least"),
        ({"memory_peak_mib": 900}, "no 4 consecutive samples match the report: 900 MiB at most"),
        ({"throttle_reasons": ("hw_slowdown",)}, "no 4 consecutive samples match the report: throttled by hw_slo"),
    ],
)
def test_what_the_samples_do_not_show_is_told_in_words(seen: dict[str, Any], told: str) -> None:
    conditions = GpuConditions(uuid="GPU-a", **({"sample_count": 4} | seen))
    found = course(100, 100, 300, 300).span_like(conditions)
    assert isinstance(found, str)
    assert found.startswith(told)


def test_a_slowdown_that_the_report_does_not_tell_is_found() -> None:
    slowed = course(300, 300, 300, reasons=[0, 1, 0])
    silent = GpuConditions(uuid="GPU-a", sample_count=3)
    assert slowed.span_like(silent) == "no 3 consecutive samples match the report: throttled by nothing"
    telling = silent.model_copy(update={"throttle_reasons": ("sw_power_cap",)})
    assert slowed.span_like(telling) == (0.0, slowed.end_s)
