from typing import Any

import pytest

from energy_score.contract.errors import NothingMatchedError
from energy_score.reports.comparison.side_by_side import beside, compute_energy, models, modes
from energy_score.reports.comparison.tables import side_by_side_table
from energy_score.reports.results_table.result_row import ResultRow


def make_row(state: str, gpu_energy_wh: float | None, tokens: int, **changes: Any) -> ResultRow:
    """100 queries; energies of ten repeats."""
    values = {
        "model_name": "a/a",
        "model_class": "A",
        "task": "text_gen",
        "reasoning_state": state,
        "total_prompts": 100,
        "successful_prompts": 100,
        "total_completion_tokens": tokens,
        "gpu_energy_wh": gpu_energy_wh,
        "gpu_energy_stdev_wh": None if gpu_energy_wh is None else gpu_energy_wh / 100,
        "energy_source": None if gpu_energy_wh is None else "nvml-counter",
        "repeats": 10,
    }
    return ResultRow(**(values | changes))


def test_the_ratio_to_off_is_length_times_energy_per_token() -> None:
    [comparison] = modes([make_row("On", 300.0, 20_000), make_row("Off", 10.0, 1000)])
    off, on = comparison.lines
    assert comparison.baseline == off.label == "Off"
    assert (on.energy_ratio, on.length_ratio, on.per_token_ratio) == (30.0, 20.0, 1.5)
    assert off.energy_per_token_j == pytest.approx(36.0)  # 0.1 Wh for 10 tokens
    assert on.energy is not None
    assert on.energy.wh_per_1000_queries == 3000.0


def test_efforts_without_off_are_beside_the_least_of_them() -> None:
    rows = [make_row("On (High)", 9.0, 900), make_row("On (Low)", 3.0, 300), make_row("On (Medium)", 6.0, 600)]
    [comparison] = modes(rows)
    assert [line.label for line in comparison.lines] == ["On (Low)", "On (Medium)", "On (High)"]
    assert comparison.baseline == "On (Low)"


def test_energies_of_different_sources_have_no_ratio() -> None:
    cpu = make_row("On", None, 500, cpu_energy_wh=3.0, cpu_energy_source="rapl")
    [comparison] = modes([make_row("Off", 10.0, 1000), cpu])
    on = comparison.lines[1]
    assert on.energy is not None
    assert (on.energy.domain, on.energy.wh_per_1000_queries) == ("CPU", 30.0)
    assert (on.energy_ratio, on.per_token_ratio, on.length_ratio) == (None, None, 0.5)


def test_a_failed_mode_is_shown_without_figures_and_is_no_baseline() -> None:
    failed = make_row("Off", None, 0, successful_prompts=None, error_message="load: no such model")
    [comparison] = modes([failed, make_row("On", 5.0, 500)])
    assert comparison.baseline == "On"
    assert comparison.lines[0].energy is None
    assert comparison.lines[0].energy_ratio is None


def test_a_failed_mode_stands_with_the_measured_ones_although_it_tells_no_commit_and_no_data_set() -> None:
    told = {"model_commit": "abc", "dataset": "AIEnergyScore/text_generation"}
    failed = make_row("On (High)", None, 0, successful_prompts=None, error_message="load: out of memory")
    [comparison] = modes([failed, make_row("Off", 1.0, 10, **told), make_row("On", 5.0, 500, **told)])
    assert [line.label for line in comparison.lines] == ["Off", "On", "On (High)"]
    assert comparison.lines[2].energy is None


def test_a_task_without_tokens_has_energies_and_no_length() -> None:
    rows = [make_row(state, energy, 0, total_completion_tokens=None) for state, energy in (("Off", 2.0), ("On", 4.0))]
    [comparison] = modes(rows)
    assert comparison.lines[1].energy_ratio == 2.0
    assert comparison.lines[1].length_ratio is None


def test_commits_of_a_model_stand_apart() -> None:
    rows = [make_row(state, 1.0, 10, model_commit=commit) for commit in ("a", "b") for state in ("Off", "On")]
    assert len(modes(rows)) == 2


def test_one_mode_alone_is_nothing_to_compare() -> None:
    with pytest.raises(NothingMatchedError, match="no model has rows in two reasoning modes"):
        modes([make_row("Off", 1.0, 10)])
    with pytest.raises(NothingMatchedError, match="'zz'"):
        modes([make_row("Off", 1.0, 10), make_row("On", 1.0, 10)], model_name="zz")


def test_two_models_are_beside_the_first() -> None:
    rows = [make_row("Off", 10.0, 1000), make_row("Off", 5.0, 1000, model_name="b/b")]
    comparison = models(rows, "a/a", "b/b")
    assert [line.energy_ratio for line in comparison.lines] == [1.0, 0.5]
    with pytest.raises(NothingMatchedError, match=r"no results for model 'c/c'. Models with results: a/a, b/b"):
        models(rows, "a/a", "c/c")


def test_two_models_with_two_tasks_have_ratios_within_a_task_alone_and_lines_that_say_which() -> None:
    rows = [
        make_row("", energy_wh, 1000, model_name=model, task=task, dataset=task)
        for model, task, energy_wh in (("a/a", "text_gen", 10.0), ("a/a", "summarization", 40.0),
                                       ("b/b", "text_gen", 5.0), ("b/b", "summarization", 80.0))
    ]  # fmt: skip
    told = {line.label: (line.energy_ratio, line.length_ratio) for line in models(rows, "a/a", "b/b").lines}
    assert told == {
        "a/a text_gen": (1.0, 1.0), "a/a summarization": (None, None),
        "b/b text_gen": (0.5, 1.0), "b/b summarization": (None, None),
    }  # fmt: skip


def test_what_the_conditions_of_the_rows_differ_in_is_noted() -> None:
    rows = [make_row("Off", 10.0, 1000, hardware="H100"), make_row("Off", 5.0, 1000, model_name="b/b", hardware="L4")]
    assert "the rows differ in hardware" in side_by_side_table(models(rows, "a/a", "b/b")).notes
    other = [rows[0], make_row("Off", 5.0, 1000, model_name="b/b", hardware="H100", dataset="other/set")]
    comparison = models(other, "a/a", "b/b")
    assert comparison.lines[1].energy_ratio is None
    assert side_by_side_table(comparison).notes[1:] == (
        "energies of different sources, tasks or datasets have no ratio", "the rows differ in dataset",
    )  # fmt: skip


def test_models_without_a_common_task_are_not_compared() -> None:
    rows = [make_row("Off", 10.0, 1000), make_row("", 5.0, 0, model_name="b/b", task="asr")]
    with pytest.raises(NothingMatchedError, match="no common task"):
        models(rows, "a/a", "b/b")


def test_one_repeat_has_no_scatter() -> None:
    energy = compute_energy(make_row("Off", 1.0, 10, repeats=1, gpu_energy_stdev_wh=0.0))
    assert energy is not None
    assert energy.relative_stdev is None


def test_lines_without_any_energy_have_no_ratio() -> None:
    comparison = beside("t", [("x", make_row("Off", None, 10)), ("y", make_row("On", None, 20))])
    assert [line.energy_ratio for line in comparison.lines] == [None, None]
    assert [line.length_ratio for line in comparison.lines] == [1.0, 2.0]
