from datetime import UTC, datetime
from typing import Any

import pytest

from energy_score.contract.errors import UsageError
from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import make_cohort_snapshot, rate_against, rate_among
from energy_score.reports.results_table.result_row import ResultRow


def make_row(model: str, wh_per_1000_queries: float | None, **changes: Any) -> ResultRow:
    values = {
        "model_name": model,
        "model_class": "A",
        "task": "text_gen",
        "reasoning_state": "Off",
        "successful_prompts": 1000,
        "wh_per_1000_queries": wh_per_1000_queries,
        "gpu_energy_ci95_half_width_wh": 0.01,
        "repeats": 10,
        "rateable": True,
        "comparable": True,
        "verdict_reasons": "",
        "timestamp": datetime(2026, 11, 24, tzinfo=UTC),
    }
    return ResultRow(**(values | changes))


def test_a_run_gets_the_stars_that_it_would_have_had_in_february_2025() -> None:
    [rating] = rate_against([make_row("my/model", 20.0)], open_snapshot("2025-02"))
    assert rating.stars == 2  # 17.77 to 23.26 Wh
    assert rating.against == "snapshot 2025-02 (2025-02)"
    assert rating.notes == ()


def test_a_run_near_an_edge_says_the_chance_of_the_other_star() -> None:
    # The edge of 4 and 3 stars is 12.28447 Wh.
    [rating] = rate_against(
        [make_row("my/model", 12.2, gpu_energy_ci95_half_width_wh=0.1548)], open_snapshot("2025-02")
    )
    assert rating.stars == 4
    # 0.0845 Wh to the edge. Sigma: repeats 0.0684 (0.1548 / 2.262), runs 0.5 % and gain 5 % / sqrt(3) of 12.2 Wh.
    assert rating.chances[3] == pytest.approx(0.408, abs=0.001)
    assert rating.stars_in_words == "4 stars (41% chance of 3)"


def test_runs_on_one_gpu_are_compared_without_the_gain_of_sensors() -> None:
    rows = [
        make_row("m/low", 10.0, gpu_ids="a"),
        make_row("m/mid", 11.9, gpu_ids="a"),
        make_row("m/high", 20.0, gpu_ids="a"),
    ]
    one_gpu = rate_among(rows)[1]
    assert (one_gpu.between_gpus, one_gpu.gain_bound) == (False, None)
    two_gpus = rate_among([*rows[:2], rows[2].model_copy(update={"gpu_ids": "b"})])[1]
    assert (two_gpus.between_gpus, two_gpus.gain_bound) == (True, 0.05)
    assert two_gpus.chances[4] > 2 * one_gpu.chances[4] > 0


def test_three_runs_of_one_spec_tell_their_own_scatter() -> None:
    runs = [
        make_row(
            "my/model",
            energy_wh,
            spec_identity="s",
            run_id=str(number),
            timestamp=datetime(2026, 11, number, tzinfo=UTC),
        )
        for number, energy_wh in ((1, 10.0), (2, 10.2), (3, 9.8))
    ]
    ratings = rate_among([*runs, make_row("other/model", 30.0)])
    assert [rating.run_to_run.runs for rating in ratings if rating.stars is not None] == [3, 0]
    assert ratings[2].run_to_run.deviation == pytest.approx(0.02)
    assert ratings[3].run_to_run.deviation == 0.005


def test_a_class_is_a_cohort_of_its_own_and_few_members_are_noted() -> None:
    [rating] = rate_against([make_row("my/model", 54.3, model_class="B")], open_snapshot("2025-02"))
    assert rating.stars == 5
    assert "only 3 models in cohort text_gen class B" in rating.notes[0]


def test_a_class_means_nothing_for_a_task_without_classes() -> None:
    [rating] = rate_against([make_row("my/asr", 0.7, task="asr", model_class="B")], open_snapshot("2025-02"))
    assert rating.stars == 5


def test_a_task_that_the_snapshot_lacks_is_unrated_by_name() -> None:
    [rating] = rate_against([make_row("my/qa", 0.7, task="extractive_qa", model_class=None)], open_snapshot("2025-02"))
    assert rating.stars is None
    assert rating.unrated_because == "the snapshot has no cohort extractive_qa"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rateable": False, "verdict_reasons": "simulated_source"}, "not rateable: simulated_source"),
        ({"comparable": False, "verdict_reasons": "other_gpu"}, "not comparable: other_gpu"),
        ({"rateable": None, "comparable": None}, "the table has no verdict for this run"),
        ({"successful_prompts": None, "error_message": "load: no such model"}, "the run failed: load: no such model"),
        ({"wh_per_1000_queries": None}, "no GPU energy was measured"),
    ],
)
def test_what_may_not_be_rated_says_why_and_moves_nobody_s_stars(changes: dict[str, Any], reason: str) -> None:
    sound = [make_row("a/a", 1.0), make_row("b/b", 2.0)]
    ratings = rate_among([*sound, make_row("c/c", **({"wh_per_1000_queries": 100.0} | changes))])
    assert [rating.stars for rating in ratings] == [5, 1, None]
    assert ratings[2].unrated_because == reason


def test_own_runs_are_rated_among_themselves_and_it_is_said() -> None:
    ratings = rate_among([make_row("a/a", 1.0), make_row("b/b", 2.0)])
    assert [rating.stars for rating in ratings] == [5, 1]
    assert ratings[0].against == "these runs only, no official cohort"
    assert "only 2 models" in ratings[0].notes[0]


@pytest.mark.parametrize(("members", "notes"), [(4, 1), (5, 0)])
def test_four_members_are_noted_as_few_and_five_are_not(members: int, notes: int) -> None:
    ratings = rate_among([make_row(f"a/{number}", float(number)) for number in range(1, members + 1)])
    assert [len(rating.notes) for rating in ratings] == [notes] * members


def test_one_model_alone_is_unrated() -> None:
    [rating] = rate_among([make_row("a/a", 1.0)])
    assert rating.stars is None
    assert (
        rating.unrated_because
        == "cohort text_gen class A has no range (fewer than 2 models, or all with the same energy)"
    )


def test_reasoning_states_and_revisions_of_a_model_are_rated_apart() -> None:
    rows = [
        make_row("a/a", 1.0),
        make_row("a/a", 9.0, reasoning_state="On"),
        make_row("a/a", 5.0, model_commit="f" * 40),
    ]
    assert [rating.stars for rating in rate_among(rows)] == [5, 1, 3]


def test_of_two_runs_of_one_model_the_later_one_is_rated() -> None:
    rows = [
        make_row("a/a", 1.0, timestamp=datetime(2026, 11, 25, tzinfo=UTC)),
        make_row("a/a", 50.0, timestamp=datetime(2026, 11, 24, tzinfo=UTC)),
        make_row("b/b", 2.0),
    ]
    ratings = rate_among(rows)
    assert [rating.stars for rating in ratings] == [5, None, 1]
    assert ratings[1].unrated_because is not None
    assert ratings[1].unrated_because.startswith("superseded")
    snapshot = make_cohort_snapshot(rows, name="own", issued="2026-11-25", source="test")
    [cohort] = snapshot.cohorts
    assert [(one.model, one.wh_per_1000_queries, one.stars) for one in cohort.members] == [
        ("a/a", 1.0, 5),
        ("b/b", 2.0, 1),
    ]


def test_a_row_in_kilowatt_hours_lies_outside_the_cohort_and_says_so() -> None:
    [rating] = rate_against([make_row("my/model", 0.020)], open_snapshot("2025-02"))
    assert rating.stars == 5
    assert "outside the range of cohort text_gen class A" in rating.notes[0]


def test_a_snapshot_without_any_rateable_run_is_refused() -> None:
    with pytest.raises(UsageError, match="no run is both rateable"):
        make_cohort_snapshot(
            [make_row("a/a", 1.0, rateable=False)], name="own", issued="2026-11", source="batch_results"
        )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_name": ""}, "the model name is missing"),
        ({"wh_per_1000_queries": 0.0}, "the GPU energy is not a positive number"),
        ({"wh_per_1000_queries": float("inf")}, "the GPU energy is not a positive number"),
        ({"model_class": "D"}, "the class is not A, B or C"),
    ],
)
def test_what_only_a_table_from_elsewhere_says_is_unrated_and_no_member(changes: dict[str, Any], reason: str) -> None:
    rows = [make_row("a", 1.0), make_row("b", 2.0), make_row("c", 3.0).model_copy(update=changes)]
    assert [rating.unrated_because for rating in rate_among(rows)] == [None, None, reason]
    [cohort] = make_cohort_snapshot(rows, name="x", issued="2026-11-24", source="x").cohorts
    assert [member.model for member in cohort.members] == ["a", "b"]


def test_a_time_without_an_offset_is_compared_as_utc() -> None:
    older = make_row("a", 1.0, timestamp=datetime(2026, 11, 23))  # noqa: DTZ001 - as a table from elsewhere may say it
    ratings = rate_among([make_row("a", 1.5), older, make_row("b", 2.0)])
    assert [rating.stars is None for rating in ratings] == [False, True, False]
    assert str(ratings[1].unrated_because).startswith("superseded")
