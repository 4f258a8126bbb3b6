import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from energy_score.contract.run_report import RunReport
from energy_score.host.cli.commands.rate import drift, rate, snapshot
from tests.support.command_line import command
from tests.support.record_factory import make_config, make_report, make_run, make_spec, make_statistics


def report_of(model: str, *, share: float) -> RunReport:
    """A report of 2540 Wh per 1,000 queries times ``share``."""
    return make_report(spec=make_spec(model_id=model), statistics=make_statistics(share=share))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, share in (("small", 0.02), ("large", 0.2)):
        make_run(tmp_path, name, config=make_config(model_id=f"a/{name}"), report=report_of(f"a/{name}", share=share))
    return tmp_path


def invoke(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)  # type: ignore[arg-type]


def test_runs_are_rated_against_february_2025_unless_asked_otherwise(results: Path) -> None:
    done = invoke(rate, "--results", results, "--json")
    assert done.exit_code == 0
    large, small = (json.loads(line) for line in done.stdout.splitlines())
    assert (small["model"], small["stars"], small["against"]) == ("a/small", 5, "snapshot 2025-02 (2025-02)")
    assert (large["wh_per_1000_queries"], large["stars"]) == (pytest.approx(508.0), 1)
    assert large["cohort_size"] == 3
    assert "2 of 2 runs have stars" in done.stderr


def test_own_runs_say_that_no_official_cohort_stands_behind_their_stars(results: Path) -> None:
    done = invoke(rate, "--results", results, "--against", "own")
    assert "5 stars" in done.stdout
    assert "relative to these runs only, no official cohort" in done.stderr


def test_nothing_to_rate_is_told_by_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "individual_runs").mkdir()
    assert invoke(rate, "--results", tmp_path).exit_code == 4


def test_a_snapshot_of_own_runs_can_be_rated_against_and_compared(results: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    done = invoke(snapshot, "--results", results, "--name", "lab-1", "--issued", "2026-11-24", first)
    assert done.stdout == f"{first}: snapshot lab-1 of 2026-11-24 (text_gen class B: 2)\n"
    make_run(results, "huge", config=make_config(model_id="a/huge"), report=report_of("a/huge", share=2))
    invoke(snapshot, "--results", results, "--name", "lab-2", second)

    rated = invoke(rate, "--results", results, "--against", first, "--json").stdout
    stars = {one["model"]: one["stars"] for one in map(json.loads, rated.splitlines())}
    assert stars == {"a/huge": 1, "a/large": 1, "a/small": 5}
    assert "own runs" in rated

    found = json.loads(invoke(drift, first, second, "--json").stdout)
    assert found["joined"] == ["text_gen class B: a/huge On (High)"]
    [change] = found["changes"]
    assert (change["model"], change["stars_before"], change["stars_after"]) == ("a/large", 1, 5)
    assert "new a/huge" in change["because"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--name", "a b"], "'a b' is not a name. Use up to 64 letters, digits, dots, dashes and underscores"),
        (["--name", "a", "--issued", "today"], "'today' is not a date. Use a day (2026-11-24) or a month (2026-11)"),
        (["--name", "a", "--issued", "2026-13"], "'2026-13' is not a date"),
    ],
)
def test_a_name_or_date_that_is_none_is_refused_with_the_rule(words: list[str], fault: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(snapshot, [*words, str(tmp_path / "s.json")])
    assert done.exit_code == 2
    assert fault in done.output


def test_a_snapshot_that_is_damaged_or_there_already_is_a_usage_error(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    assert command("snapshot", "--results", str(results), "--name", "lab-1", str(file)).exit_code == 0
    again = command("snapshot", "--results", str(results), "--name", "lab-2", str(file))
    file.write_text(file.read_text(encoding="utf-8").replace("a/small", "a/tiny"), encoding="utf-8")
    changed = command("drift", "2025-02", str(file))
    assert (again.exit_code, changed.exit_code) == (2, 2)
    assert "snapshots are never changed" in again.stderr
    assert "the file was changed" in changed.stderr
