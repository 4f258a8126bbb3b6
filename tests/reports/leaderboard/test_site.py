import csv
import gzip
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from pyarrow import parquet

from energy_score.contract.run_owner import Owner
from energy_score.reports.leaderboard.build import rate_runs
from energy_score.reports.leaderboard.entries import Entry
from energy_score.reports.leaderboard.site import RatedRun, write_site
from energy_score.reports.ratings.rating import rate_among
from energy_score.reports.results import read_results
from tests.support.leaderboard_pages import HOSTILE, generated_rows
from tests.support.record_factory import make_failure, make_owner, make_report, make_run, make_spec

MADE = datetime(2026, 11, 24, tzinfo=UTC)


def site_of(folder: Path, count: int = 40) -> Path:
    write_site(folder, [RatedRun(rating, None) for rating in rate_among(generated_rows(count))], made_at=MADE)
    return folder


def test_csv_json_and_parquet_hold_the_same_entries(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    entries = [Entry.model_validate(one) for one in json.loads((site / "leaderboard.json").read_text("utf-8"))]
    assert len(entries) == 40
    with (site / "leaderboard.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    frame = pd.read_parquet(site / "leaderboard.parquet")
    assert list(frame.columns) == list(cells[0]) == list(Entry.model_fields)
    for entry, row, (_, series) in zip(entries, cells, frame.iterrows(), strict=True):
        assert row["model"] == series["model"] == entry.model
        assert (row["stars"] or None) == (None if entry.stars is None else str(entry.stars))
        assert (float(row["wh_per_1000_queries"]) if row["wh_per_1000_queries"] else None) == entry.wh_per_1000_queries
        assert pd.isna(series["stars"]) == (entry.stars is None)


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    one, other = site_of(tmp_path / "one"), site_of(tmp_path / "other")
    for path in one.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (other / path.relative_to(one)).read_bytes()


def test_nothing_hostile_stands_in_the_page_outside_its_data(tmp_path: Path) -> None:
    page = (site_of(tmp_path) / "index.html").read_text("utf-8")
    assert HOSTILE not in page
    assert "onerror=alert" in page  # in the data, where no character can end the element
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    assert json.loads(data[1])[0]["model"] == HOSTILE


def test_the_page_names_no_address_to_load_from(tmp_path: Path) -> None:
    page = (site_of(tmp_path) / "index.html").read_text("utf-8")
    assert not re.search(r'(?:src|href)="(?!#|data:|\$\{|leaderboard\.|prior/)', page)


def test_a_local_data_set_does_not_tell_where_it_lay(tmp_path: Path) -> None:
    spec = make_spec()
    local = spec.dataset.model_copy(update={"name": None, "path": "/home/user/prompts.csv"})
    make_run(tmp_path / "r", "one", report=make_report(spec=spec.model_copy(update={"dataset": local})))
    write_site(tmp_path / "site", rate_runs(read_results(tmp_path / "r"), against="own"), made_at=MADE)
    for path in (tmp_path / "site").rglob("*.*"):
        assert b"/home/user" not in path.read_bytes(), path


def test_a_run_directory_with_a_strange_name_gets_a_page_of_its_own(tmp_path: Path) -> None:
    for name in ("a?b", "a#b"):
        make_run(tmp_path / "r", name, report=make_report())
    write_site(tmp_path / "site", rate_runs(read_results(tmp_path / "r"), against="own"), made_at=MADE)
    assert len(list((tmp_path / "site" / "models").iterdir())) == 2


def test_a_run_s_page_has_every_reason_of_the_verdict_that_the_leaderboard_has(tmp_path: Path) -> None:
    make_run(tmp_path / "r", "one", report=make_report(), owner=make_owner(concurrent_runs=3))
    write_site(tmp_path / "site", rate_runs(read_results(tmp_path / "r"), against="own"), made_at=MADE)
    [entry] = json.loads((tmp_path / "site" / "leaderboard.json").read_text("utf-8"))
    page = (tmp_path / "site" / "models" / "one.html").read_text("utf-8")
    assert re.findall(r"<code>(\w+)</code>", page) == entry["verdict_reasons"].split("; ")
    assert "concurrent_runs" in page


def test_a_damaged_trace_costs_its_picture_and_not_the_site(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "r", "one", report=make_report())
    for number, damage in enumerate((b"\xff" * 40, b"", gzip.compress(b"gpu,time_s,power_w\n" + b"x" * 200_000))):
        directory.trace_file.write_bytes(gzip.compress(b"")[:10] + damage if number < 2 else damage)
        write_site(tmp_path / f"{number}", rate_runs(read_results(tmp_path / "r"), against="own"), made_at=MADE)
        page = (tmp_path / f"{number}" / "models" / "one.html").read_text("utf-8")
        assert "No power was sampled." in page


def test_the_columns_of_the_parquet_file_have_their_types_whatever_stands_in_them(tmp_path: Path) -> None:
    whole = [row.model_copy(update={"wh_per_1000_queries": 2.0}) for row in generated_rows(3)]
    schemas = []
    for name, rows in (("many", generated_rows(40)), ("whole", whole), ("none", [])):
        write_site(tmp_path / name, [RatedRun(rating, None) for rating in rate_among(rows)], made_at=MADE)
        schemas.append(parquet.read_schema(tmp_path / name / "leaderboard.parquet"))
    assert schemas[0] == schemas[1] == schemas[2]
    kinds = ("model", "revision", "stars", "wh_per_1000_queries", "rateable")
    kinds_there = [str(schemas[2].field(name).type) for name in kinds]
    assert [kind.removeprefix("large_") for kind in kinds_there] == ["string", "string", "int64", "double", "bool"]


def test_a_trace_whose_gpus_have_strange_names_is_drawn(tmp_path: Path) -> None:
    directory = make_run(tmp_path / "r", "one", report=make_report())
    directory.trace_file.write_bytes(gzip.compress(b"time_s,gpu,power_w\n0,$x^{$,300\n0,-->]]><b>,200\n0,2,inf\n"))
    write_site(tmp_path / "site", rate_runs(read_results(tmp_path / "r"), against="own"), made_at=MADE)
    page = (tmp_path / "site" / "models" / "one.html").read_text("utf-8")
    assert 'class="trace"' in page
    assert "<b>" not in page


def test_a_run_that_has_not_ended_is_no_failed_one(tmp_path: Path) -> None:
    make_run(tmp_path / "r", "planned")
    make_run(tmp_path / "r", "running", owner=make_owner(finished_at=None, process=Owner.current()))
    make_run(tmp_path / "r", "failed", failure=make_failure())
    runs = rate_runs(read_results(tmp_path / "r"), against="own")
    told = {run.directory.path.name: run.rating.unrated_because for run in runs if run.directory}
    assert told == {
        "planned": "no result yet: planned: the run has not started",
        "running": "no result yet: running: the run is in progress",
        "failed": "the run failed: load: the model's weights are not there",
    }
