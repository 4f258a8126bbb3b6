import math

import pytest

from benchmarks.__main__ import failed_programs
from benchmarks.side_by_side import Ratio, Verdict, is_kept, median_interval, samples_in_turn

PEER = [1.0] * 7


def test_fewer_than_six_values_have_an_interval_without_ends() -> None:
    assert median_interval([1, 2, 3, 4, 5]) == (-math.inf, math.inf)
    assert median_interval([1, 2, 3, 4, 5, 6]) == (1, 6)


@pytest.mark.parametrize(("count", "rank"), [(9, 2), (12, 3), (15, 4), (20, 6), (25, 8), (100, 40)])
def test_the_interval_is_that_of_published_tables_for_the_sign_test(count: int, rank: int) -> None:
    values = list(range(count, 0, -1))
    assert median_interval(values) == (rank, count + 1 - rank)


def test_samples_are_paired_by_their_round() -> None:
    taken: list[str] = []

    def sample(name: str) -> float:
        taken.append(name)
        return len(taken)

    assert samples_in_turn({"a": lambda: sample("a"), "b": lambda: sample("b")}, 2) == {"a": [1, 3], "b": [2, 4]}
    ratio = Ratio.of([2, 9, 8], [1, 3, 2])
    assert (ratio.median, ratio.least, ratio.greatest, ratio.pairs) == (3, 2, 4, 3)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 3.0], Verdict.HELD),
        ([3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7], Verdict.BROKEN),
        ([2.0, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7], Verdict.NOT_DECIDED),
        ([2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 9.0], Verdict.NOT_DECIDED),
    ],
)
def test_only_an_interval_on_one_side_of_the_limit_decides(ours: list[float], verdict: Verdict) -> None:
    assert Ratio.of(ours, PEER).verdict(3.0) is verdict


def test_a_machine_three_times_slower_is_judged_alike() -> None:
    ours = [2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6]
    slow = Ratio.of([3 * value for value in ours], [3 * value for value in PEER])
    assert slow.verdict(2.7) is Ratio.of(ours, PEER).verdict(2.7)


def test_a_broken_limit_is_told_with_ratio_and_limit_and_an_undecided_one_breaks_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not is_kept("list", Ratio.of([4.0] * 7, PEER), peer="bare Python", limit=3)
    assert "limit 3 x BROKEN: 4 x is more than 3 x" in capsys.readouterr().out
    assert is_kept("list", Ratio.of([2.0, *[4.0] * 6], PEER), peer="bare Python", limit=3)
    assert "95 % interval 2 to 4; 7 pairs from 2 to 4" in capsys.readouterr().out


def test_a_benchmark_that_fails_does_not_stop_those_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    programs = [("parse", "--no-such-option"), ("startup", "--help"), ("no_such_benchmark",)]
    assert failed_programs(programs) == ["parse", "no_such_benchmark"]
    assert "CPU time of whole processes" in capfd.readouterr().out
