import random
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Any

import pytest

from energy_score.reports.comparison.regression import Change, changes
from energy_score.reports.results_table.result_row import ResultRow


def make_row(repeats_wh: list[float], **changes: Any) -> ResultRow:
    """A row of 1,000 queries whose repeats took so many Wh each."""
    values = {
        "model_name": "a/a",
        "model_class": "A",
        "task": "text_gen",
        "reasoning_state": "Off",
        "total_prompts": 1000,
        "successful_prompts": 1000,
        "gpu_energy_wh": fmean(repeats_wh),
        "gpu_energy_stdev_wh": stdev(repeats_wh) if len(repeats_wh) > 1 else None,
        "energy_source": "nvml-counter",
        "repeats": len(repeats_wh),
        "dataset": "AIEnergyScore/text_generation",
        "hardware": "NVIDIA H100 80GB HBM3",
        "gpu_count": 1,
    }
    return ResultRow(**(values | changes))


def noisy(mean_wh: float, rng: random.Random, *, noise: float = 0.01, repeats: int = 10) -> list[float]:
    return [rng.gauss(mean_wh, noise * mean_wh) for _ in range(repeats)]


def only(before: ResultRow, after: ResultRow) -> Change:
    [change] = changes([before], [after])
    return change


def test_a_planted_regression_of_10_percent_is_always_caught_and_noise_of_1_percent_never() -> None:
    rng = random.Random(7)
    caught = [only(make_row(noisy(20, rng)), make_row(noisy(22, rng))).outcome for _ in range(500)]
    quiet = [only(make_row(noisy(20, rng)), make_row(noisy(20, rng))).outcome for _ in range(500)]
    assert set(caught) == {"regression"}
    assert set(quiet) == {"unchanged"}


def test_an_increase_within_a_large_scatter_is_no_regression() -> None:
    before, after = [20.0, 30.0, 25.0], [28.0, 24.0, 32.0]  # 12 % more, with intervals far wider
    change = only(make_row(before), make_row(after))
    assert change.outcome == "unchanged"
    assert change.interval is not None
    assert change.interval[0] < 1 < change.interval[1]


def test_a_sure_increase_below_the_threshold_is_none() -> None:
    steady = [20.0, 20.001, 19.999]
    change = only(make_row(steady), make_row([1.02 * value for value in steady]))
    assert change.outcome == "unchanged"
    [strict] = changes([make_row(steady)], [make_row([1.02 * value for value in steady])], threshold=0.01)
    assert strict.outcome == "regression"


@pytest.mark.parametrize(("increase", "outcome"), [(0.029, "unchanged"), (0.031, "regression")])
def test_where_nobody_says_otherwise_an_increase_counts_from_3_percent(increase: float, outcome: str) -> None:
    steady = [20.0, 20.001, 19.999]
    assert only(make_row(steady), make_row([(1 + increase) * value for value in steady])).outcome == outcome


def test_less_energy_is_an_improvement_and_no_fault() -> None:
    change = only(make_row([20.0, 20.1, 19.9]), make_row([15.0, 15.1, 14.9]))
    assert (change.outcome, change.is_fault) == ("improvement", False)


@pytest.mark.parametrize(("after_wh", "outcome"), [(20.9, "unchanged"), (21.1, "regression"), (19.0, "improvement")])
def test_one_repeat_shows_no_scatter_so_5_percent_are_allowed_for_it(after_wh: float, outcome: str) -> None:
    change = only(make_row([20.0]), make_row([after_wh]))
    assert change.outcome == outcome
    assert "scatter unknown" in change.because


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hardware", "NVIDIA H200"),
        ("dataset", "other/set"),
        ("max_new_tokens", 5),
        ("energy_source", "simulated"),
        ("concurrency", 8),
    ],
)
def test_different_work_or_another_meter_is_not_compared(field: str, value: object) -> None:
    change = only(make_row([20.0, 20.1]), make_row([40.0, 40.1], **{field: value}))
    assert change.outcome == "not compared"
    assert field in change.because
    assert not change.is_fault


def test_another_commit_or_precision_is_compared_and_said() -> None:
    change = only(make_row([20.0, 20.1]), make_row([40.0, 40.1], dtype="float16", model_commit="b"))
    assert change.outcome == "regression"
    assert change.because.endswith("differs in model_commit, dtype")


def test_two_revisions_of_one_model_are_compared_each_with_itself() -> None:
    def rows(energies_wh: dict[str | None, float], order: str) -> list[ResultRow]:
        times = {commit: datetime(2026, 11, 1 + order.find(commit or "-"), tzinfo=UTC) for commit in energies_wh}
        return [make_row([wh, 1.01 * wh], model_commit=one, timestamp=times[one]) for one, wh in energies_wh.items()]

    before = rows({"v": 20.0, "w": 40.0}, "vw")
    found = changes(before, rows({"v": 30.0, "w": 40.0}, "wv"))
    assert [change.outcome for change in found] == ["regression", "unchanged"]
    assert all("differs" not in change.because for change in found)
    [other] = [change for change in changes(before, rows({"v": 20.0, "x": 60.0}, "xv")) if change.ratio != 1]
    assert other.outcome == "regression"
    assert other.because.endswith("; differs in model_commit (commit w, then x)")


def test_a_result_that_is_no_longer_there_is_a_fault() -> None:
    failed = make_row([20.0], successful_prompts=None, gpu_energy_wh=None, error_message="load: out of memory")
    lost = only(make_row([20.0]), failed)
    assert (lost.outcome, lost.because, lost.is_fault) == ("lost", "load: out of memory", True)
    [gone] = changes([make_row([20.0])], [])
    assert (gone.outcome, gone.is_fault) == ("gone", True)


def test_a_new_model_is_no_fault() -> None:
    [new] = changes([], [make_row([20.0])])
    assert (new.outcome, new.is_fault) == ("new", False)


def test_equal_repeats_without_any_scatter_are_compared_exactly() -> None:
    change = only(make_row([20.0, 20.0]), make_row([22.0, 22.0]))
    assert change.interval == (1.1, 1.1)
    assert change.outcome == "regression"
