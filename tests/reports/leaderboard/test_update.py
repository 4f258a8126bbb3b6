import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from energy_score.reports.leaderboard.changes import changes_between, read_entries
from energy_score.reports.leaderboard.update import Update, update_site
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from tests.support.command_line import command
from tests.support.record_factory import make_config, make_failure, make_report, make_run, make_spec, make_statistics


def add_run(results: Path, model: str, *, share: float = 1.0) -> None:
    report = make_report(spec=make_spec(model_id=model), statistics=make_statistics(share=share))
    make_run(results, model.replace("/", "_"), config=make_config(model_id=model), report=report)


def update(site: Path, results: Path, day: int) -> Update:
    return update_site(site, results, against="own", now=datetime(2026, 11, day, tzinfo=UTC))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    add_run(tmp_path / "results", "a/a")
    add_run(tmp_path / "results", "b/b", share=2.0)
    return tmp_path / "results"


def test_a_second_update_without_a_change_does_nothing(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert update(site, results, 1).version is not None
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "site.versions").rglob("*")}
    assert update(site, results, 2) == Update(None, ())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "site.versions").rglob("*")} == before


def test_a_new_version_says_what_changed_and_keeps_the_cohort(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(site, results, 1)
    first = CohortSnapshot.read(site / "snapshot.json")
    add_run(results, "c/c", share=12.0)
    found = update(site, results, 2)
    told = {change.after.model: change.what for change in found.changes if change.after}
    assert told == {"a/a": "other details", "b/b": "stars 1 -> 5", "c/c": "new"}
    assert "| b/b | On (High) | text\\_gen | 5080 | 5080 | stars 1 -\\> 5 |" in (site / "changes.md").read_text("utf-8")
    assert len(json.loads((site / "changes.json").read_text("utf-8"))) == 3
    assert [len(one.cohorts[0].members) for one in (first, CohortSnapshot.read(site / "snapshot.json"))] == [2, 3]
    page = (site / "index.html").read_text("utf-8")
    assert 'href="prior/2026-11-01T000000Z/index.html"' in page
    assert 'href="changes.md"' in page


def test_a_run_that_is_lost_is_told(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    update(site, results, 1)
    report = results / "individual_runs" / "a_a" / "benchmark_report.json"
    report.unlink()
    make_failure().write(report.with_name("run_failure.json"))
    told = [change.what for change in update(site, results, 2).changes]
    assert "gone" in told  # a failed run tells no commit, so it is another line
    assert "new" in told


def test_results_without_anything_to_rate_make_a_site_without_a_cohort(tmp_path: Path) -> None:
    make_run(tmp_path / "results", "bad", failure=make_failure())
    update(tmp_path / "site", tmp_path / "results", 1)
    assert not (tmp_path / "site" / "snapshot.json").exists()
    assert len(read_entries(tmp_path / "site")) == 1


def test_equal_lines_are_no_change(results: Path, tmp_path: Path) -> None:
    update(tmp_path / "site", results, 1)
    entries = read_entries(tmp_path / "site")
    assert changes_between(entries, entries) == []


def test_a_change_of_a_superseded_line_is_published_too(results: Path, tmp_path: Path) -> None:
    make_run(
        results, "a_a-again", config=make_config(model_id="a/a"), report=make_report(spec=make_spec(model_id="a/a"))
    )
    update(tmp_path / "site", results, 1)
    report = results / "individual_runs" / "a_a" / "benchmark_report.json"
    make_report(spec=make_spec(model_id="a/a"), statistics=make_statistics(share=3.0)).write(report)
    [change] = update(tmp_path / "site", results, 2).changes
    assert change.after == read_entries(tmp_path / "site")[0]
    assert change.after.wh_per_1000_queries == pytest.approx(3 * 2540.0)


def test_two_cohorts_of_one_day_have_two_names(results: Path, tmp_path: Path) -> None:
    site, names = tmp_path / "site", []
    for hour in (2, 14):
        add_run(results, f"h/{hour}", share=float(hour))
        update_site(site, results, against="own", now=datetime(2026, 11, 1, hour, tzinfo=UTC))
        names.append(CohortSnapshot.read(site / "snapshot.json").name)
    assert names == ["own-2026-11-01T020000Z", "own-2026-11-01T140000Z"]


def test_a_site_made_by_hand_gets_its_cohort_from_the_next_refresh(results: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    made = command("leaderboard", "--results", str(results), "--against", "own", "--site", str(site))
    assert made.exit_code == 0
    assert not (site / "snapshot.json").exists()
    assert update(site, results, 29).version is not None
    assert (site / "snapshot.json").exists()
    assert (site / "changes.md").exists()
    assert update(site, results, 30) == Update(None, ())
