from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot
from energy_score.reports.ratings.drift import Drift, drift
from energy_score.reports.ratings.stars import compute_bands


def snapshot(energies: dict[str, float], name: str = "one") -> CohortSnapshot:
    bands = compute_bands(list(energies.values()))
    members = tuple(
        CohortMember(model=model, wh_per_1000_queries=energy_wh, stars=bands.stars(energy_wh) if bands else None)
        for model, energy_wh in energies.items()
    )
    cohort = Cohort(task="text_gen", model_class="A", members=members)
    return CohortSnapshot(name=name, issued="2026-11", official=False, source="test", cohorts=(cohort,)).seal()


def changed(found: Drift) -> dict[str, tuple[int | None, int | None]]:
    return {change.member.model: (change.stars_before, change.stars_after) for change in found.changes}


BEFORE = {"a/least": 1.0, "b/middle": 6.0, "c/most": 11.0}


def test_equal_snapshots_have_no_drift() -> None:
    assert drift(snapshot(BEFORE), snapshot(BEFORE)) == Drift((), (), ())


def test_a_new_most_expensive_model_is_named_as_the_cause() -> None:
    found = drift(snapshot(BEFORE), snapshot(BEFORE | {"d/huge": 101.0}))
    assert changed(found) == {"b/middle": (3, 5), "c/most": (1, 5)}
    assert found.joined == ("text_gen class A: d/huge",)
    for change in found.changes:
        assert change.because == ("the highest in the range is new d/huge with 101 Wh; it was c/most with 11 Wh")


def test_a_model_that_left_is_told() -> None:
    found = drift(snapshot(BEFORE), snapshot({"a/least": 1.0, "b/middle": 6.0}))
    assert found.left == ("text_gen class A: c/most",)
    assert changed(found) == {"b/middle": (3, 1)}
    assert found.changes[0].because == "the highest in the range is now b/middle with 6 Wh; it was c/most with 11 Wh"


def test_a_model_measured_anew_changes_its_own_stars() -> None:
    found = drift(snapshot(BEFORE), snapshot(BEFORE | {"b/middle": 10.0}))
    assert changed(found) == {"b/middle": (3, 1)}
    assert found.changes[0].because == "its own energy went from 6 to 10 Wh"


def test_both_ends_together_are_named_together() -> None:
    before = {"a/least": 100.0, "b/middle": 139.0, "c/most": 200.0}  # 39 %: 4 stars
    found = drift(snapshot(before), snapshot(before | {"d/low": 90.0, "e/high": 209.0}))
    assert changed(found).get("b/middle") == (4, 3)
    [change] = [one for one in found.changes if one.member.model == "b/middle"]
    assert "d/low" in change.because


def test_a_model_of_one_that_gets_company_gets_stars() -> None:
    found = drift(snapshot({"a/least": 1.0}), snapshot(BEFORE))
    assert changed(found) == {"a/least": (None, 5)}


def test_another_commit_of_a_model_is_no_new_model() -> None:
    def at(commit: str, most_wh: float) -> CohortSnapshot:
        made = snapshot(BEFORE | {"c/most": most_wh})
        [cohort] = made.cohorts
        members = tuple(
            one.model_copy(update={"revision": commit}) if one.model == "c/most" else one for one in cohort.members
        )
        return made.model_copy(update={"cohorts": (cohort.model_copy(update={"members": members}),)}).seal()

    found = drift(at("abc", 11.0), at("def", 101.0))
    assert found.joined == ("text_gen class A: c/most (commit def)",)
    assert found.left == ("text_gen class A: c/most (commit abc)",)
    assert changed(found) == {"b/middle": (3, 5)}
    assert found.changes[0].because == (
        "the highest in the range is now c/most (commit def) with 101 Wh; it was c/most with 11 Wh"
    )
