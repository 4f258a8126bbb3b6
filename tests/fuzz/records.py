"""Targets on disk that can come from anywhere: run directories, result tables, snapshots, sites."""

import contextlib
import gzip
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from energy_score.contract.errors import EnergyScoreError
from energy_score.contract.run_owner import Owner
from energy_score.host.batch.batch_status import BatchStatus
from energy_score.host.batch.earlier_results import EarlierResults
from energy_score.host.cluster.task_list import ClusterTask, NodeSettings, TaskList
from energy_score.reports.leaderboard.changes import read_entries
from energy_score.reports.ratings.rating import make_cohort_snapshot
from energy_score.reports.results_table.result_row import ResultRow
from results_aggregator import ResultsAggregator
from tests.fuzz.target import Target, scratch, told
from tests.fuzz.ways import documents, numbers, tables, texts
from tests.support.command_line import command
from tests.support.leaderboard_pages import generated_rows
from tests.support.record_factory import (
    make_config,
    make_failure,
    make_owner,
    make_report,
    make_run,
    make_spec,
    make_statistics,
    make_witness,
)

_FILES = (
    "model_config.json", "run_spec.json", "run_owner.json", "benchmark_report.json", "host_witness.json",
    "run_failure.json",
)  # fmt: skip
_FURTHER = ("power_trace.csv.gz", "batch_status.json", "cluster/ray-1.json")
_MAY_LACK = ("benchmark_report.json", "run_failure.json", "run_owner.json", "run_spec.json")


@cache
def good_files() -> dict[str, bytes]:
    """The files of a run directory, each as it should be."""
    with tempfile.TemporaryDirectory() as name:
        directory = make_run(
            Path(name), report=make_report(), failure=make_failure(), witness=make_witness(), owner=make_owner()
        )
        return {file: (directory.path / file).read_bytes() for file in _FILES}


@cache
def good_status() -> Any:
    report = make_report()
    status = BatchStatus(
        process=Owner.current(), command="x", started_at=report.started_at, updated_at=report.finished_at, run_count=1,
        counts={"done": 1},
    )  # fmt: skip
    return json.loads(status.model_dump_json())


@cache
def good_list() -> Any:
    report = make_report()
    listed = TaskList(
        engine="ray", job_name="energy-score-1", submitted_at=report.started_at, output_directory="/x", gpu_count=1,
        node=NodeSettings(executor="local", image="", timeout_s=1),
        tasks=(ClusterTask(name="run", run_id=report.run_id),),
    )  # fmt: skip
    return json.loads(listed.model_dump_json())


@st.composite
def run_directories(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of a run directory that has been tampered with, and of the output directory around it."""
    files = dict(good_files())
    for name in draw(st.lists(st.sampled_from((*_FILES, *_FURTHER)), min_size=1, max_size=3)):
        match name:
            case "power_trace.csv.gz":
                trace = tables(("time_s", "gpu", "power_w"), [texts] * 3).map(gzip.compress)
                files[name] = draw(st.one_of(st.binary(max_size=30), trace))
            case "batch_status.json":
                files[f"../../{name}"] = draw(documents(good_status()))
            case "cluster/ray-1.json":
                files[f"../../{name}"] = draw(documents(good_list()))
            case _:
                files[name] = draw(documents(json.loads(good_files()[name])))
    for name in draw(st.lists(st.sampled_from(_MAY_LACK), max_size=2)):
        files.pop(name, None)
    return files


def commands_of_results(results: str, which: int) -> None:
    """One of the commands that read results."""
    of_results = (
        ("rate", "--results", results, "--against", "own", "--json"),
        ("rate", "--results", results),
        ("compare", "modes", "--results", results),
        ("compare", "results", results, results),
        ("impact", "--results", results, "--queries-per-year", "1e6", "--format", "json"),
        ("leaderboard", "--results", results, "--against", "own", "--site", "site"),
        ("snapshot", "--results", results, "--name", "x", "snapshot.json"),
    )
    told(*of_results[which % len(of_results)])


def check_run_directory(case: tuple[dict[str, bytes], int]) -> None:
    files, which = case
    with scratch() as folder:
        run = folder / "output" / "individual_runs" / "run"
        run.mkdir(parents=True)
        (folder / "output" / "cluster").mkdir()
        for name, data in files.items():
            (run / name).write_bytes(data)
        other = make_report(spec=make_spec(model_id="org/other"), statistics=make_statistics(share=2))
        make_run(folder / "output", "other", report=other)
        told("aggregate", "--output-dir", "output")
        told("status", "--output-dir", "output", "--json")
        told("status", "--output-dir", "output")
        commands_of_results("output", which)
        if which % 5 == 0:
            told("collect", "--output-dir", "output")


@cache
def good_rows() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        make_run(Path(name), "a", report=make_report())
        make_run(
            Path(name), "b", report=make_report(spec=make_spec(model_id="org/b"), statistics=make_statistics(share=2))
        )
        aggregator = ResultsAggregator(Path(name))
        return [json.loads(row.model_dump_json()) for row in aggregator.rows()]


@st.composite
def result_tables(draw: st.DrawFn) -> bytes:
    """A master_results.csv whose cells are those of good rows, or anything."""
    columns = list(ResultRow.model_fields)

    def cells(column: str) -> st.SearchStrategy[str]:
        good = st.sampled_from(["" if row[column] is None else str(row[column]) for row in good_rows()])
        wrong = st.one_of(
            texts, numbers.map(lambda number: str(number)[:400]), st.sampled_from(["true", "false", "", "nan"])
        )
        return draw(st.sampled_from([good] * 12 + [wrong]))

    return draw(tables(columns, [cells(column) for column in columns]))


def check_result_table(case: tuple[bytes, int]) -> None:
    data, which = case
    with scratch() as folder:
        (folder / "results.csv").write_bytes(data)
        commands_of_results("results.csv", which)
        if which % 4 == 0:
            told("label", "--results", "results.csv", "--against", "own", "--model-name", "org/b")
        with contextlib.suppress(EnergyScoreError):
            EarlierResults(folder / "results.csv").find_line(make_config())


@cache
def good_snapshot() -> Any:
    made = make_cohort_snapshot(generated_rows(60), name="x", issued="2026-11-24", source="x")
    return json.loads(made.model_dump_json()) | {"sha256": ""}


def check_snapshot(data: bytes) -> None:
    with scratch() as folder:
        (folder / "snapshot.json").write_bytes(data)
        for words in (
            ("drift", "2025-02", "snapshot.json", "--json"), ("drift", "snapshot.json", "2025-02"),
            ("label", "--snapshot", "snapshot.json", "--model-name", "-0123"),
        ):  # fmt: skip
            told(*words)


@cache
def good_entries() -> Any:
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        make_run(Path("output"), report=make_report())
        command("leaderboard", "--results", "output", "--against", "own", "--site", "site")
        return json.loads((Path("site") / "leaderboard.json").read_bytes())


def check_site(data: bytes) -> None:
    """What a site says of its last version is believed where it can be read, and else there was none."""
    with scratch() as folder:
        (folder / "leaderboard.json").write_bytes(data)
        read_entries(folder)


RECORDS = {
    "run directories": Target(st.tuples(run_directories(), st.integers(0, 1000)), check_run_directory),
    "result tables": Target(st.tuples(result_tables(), st.integers(0, 1000)), check_result_table),
    "snapshots": Target(st.deferred(lambda: documents(good_snapshot())), check_snapshot),
    "sites": Target(st.deferred(lambda: documents(good_entries())), check_site, found=(b"null",)),
}
