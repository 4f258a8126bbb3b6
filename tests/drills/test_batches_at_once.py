"""Facts about several processes on one output directory, and several runs in one batch."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import psutil
import pytest

from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_report import RunReport
from energy_score.reports.results_table.csv_table import COLUMNS
from tests.drills.toy_workplace import ROOT, ToyWorkplace, mixed_sheet
from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator
from tests.support.patience import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

# So many that a batch whose queries take half a second is never over before a test has done what it does.
QUERIES = 5000
# Makes its share of run directories and rewrites the table after each, as a batch does.
AGGREGATE = """
import sys
from pathlib import Path
from results_aggregator import ResultsAggregator
from tests.support.record_factory import make_config, make_report, make_run
output, process, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
report = make_report()
aggregator = ResultsAggregator(output)
for number in range(count):
    make_run(output, f"run_{process}_{number:03d}", config=make_config(model_id=f"org/m-{process}-{number}"),
             report=report.model_copy(update={"spec": report.spec.model_copy(update={
                 "model_id": f"org/m-{process}-{number}"})}))
    if number % 20 == 19:
        aggregator.write_master_csv()
"""


def table(output: Path) -> list[dict[str, str]]:
    with (output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        rows = list(reader)
    assert reader.fieldnames == list(COLUMNS)
    assert all(None not in row and None not in row.values() for row in rows), "a torn row"
    return rows


def test_eight_processes_aggregate_a_hundred_rows_each_and_none_is_lost_or_torn(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", AGGREGATE, str(tmp_path), str(number), "100"], cwd=ROOT)
        for number in range(8)
    ]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        if (tmp_path / "master_results.csv").exists():
            names = [row["model_name"] for row in table(tmp_path)]
            assert len(names) == len(set(names))
            reads += 1
        time.sleep(0.1)
    assert [writer.returncode for writer in writers] == [0] * 8
    assert reads > 2
    done = subprocess.run(
        [sys.executable, str(ROOT / "batch_runner.py"), "aggregate", "--output-dir", str(tmp_path)], check=False
    )
    assert done.returncode == 0
    rows = table(tmp_path)
    assert len(rows) == 800
    assert len({row["model_name"] for row in rows}) == 800
    assert {row["gpu_energy_wh"] for row in rows} == {"25.4"}


@pytest.fixture
def slow_batch(toy: ToyWorkplace, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A batch of two rows whose queries take their time, once its first engine measures."""
    toy.queries(*["sleep 0.5"] * QUERIES)
    batch = toy.start(toy.sheet(2), tmp_path)
    wait_for_stage(batch, tmp_path, "measure")
    yield batch
    if batch.poll() is None:
        batch.kill()
    batch.communicate(timeout=PATIENCE_S)


def wait_for_stage(batch: "subprocess.Popen[str]", output: Path, stage: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s and batch.poll() is None:
        if any(f"stage={stage}" in log.read_text() for log in output.glob("logs/*.log")):
            return
        time.sleep(0.02)
    raise AssertionError(batch.communicate())


def engines_of(output: Path) -> list[int]:
    lines = {process.pid: process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in lines.items() if "energy_score.engine" in line and str(output) in " ".join(line)]


def program(toy: ToyWorkplace, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(toy.python), str(ROOT / "batch_runner.py"), *arguments],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=toy.environment(),
    )  # fmt: skip


def test_a_second_batch_is_told_who_holds_the_directory_and_readers_need_no_lock(
    toy: ToyWorkplace, tmp_path: Path, slow_batch: "subprocess.Popen[str]"
) -> None:
    second = toy.run(toy.folder / "models.csv", tmp_path)
    assert second.returncode == 3
    assert f"process {slow_batch.pid} on {os.uname().nodename} since " in second.stderr
    assert "batch_runner.py --executor local --backend echo" in second.stderr
    assert program(toy, "aggregate", "--output-dir", str(tmp_path)).returncode == 0
    assert table(tmp_path)[0]["error_message"] == "running: the run is in progress"

    wait_until(lambda: '"forward"' in (tmp_path / "batch_status.json").read_text())
    told = program(toy, "status", "--output-dir", str(tmp_path))
    assert told.returncode == 0
    assert f"process {slow_batch.pid}" in told.stdout
    assert "runs  ./models/models-00000 [local]: measure, forward" in told.stdout
    status = json.loads(program(toy, "status", "--json", "--output-dir", str(tmp_path)).stdout)
    assert (status["state"], status["run_directories"]) == ("running", {"running": 1})
    assert status["under_way"][0]["queries_planned"] == QUERIES

    slow_batch.kill()
    slow_batch.wait()
    wait_until(lambda: not engines_of(tmp_path))
    dead = program(toy, "status", "--output-dir", str(tmp_path))
    assert dead.returncode == 1
    assert f"process {slow_batch.pid} on {os.uname().nodename} died at about " in dead.stdout
    assert RunDirectory(tmp_path / "individual_runs/models_models-00000").state() is RunState.LOST
    toy.queries("one")
    assert toy.run(toy.folder / "models.csv", tmp_path).returncode == 0  # the dead holder's lock is free


def test_sigterm_lets_the_query_finish_and_records_the_interruption(
    tmp_path: Path, slow_batch: "subprocess.Popen[str]"
) -> None:
    slow_batch.send_signal(signal.SIGTERM)
    _, progress = slow_batch.communicate(timeout=PATIENCE_S)  # all its queries would take longer
    assert slow_batch.returncode == 130
    assert "Stopping after the current query (up to 60 s)" in progress
    failure = RunDirectory(tmp_path / "individual_runs/models_models-00000").failure()
    assert (failure.stage, failure.cause) == ("interrupted", "interrupted")
    (log,) = tmp_path.glob("logs/*.log")
    assert "stopped before the end" in log.read_text()  # the engine's own words: it was not killed
    assert not (tmp_path / "individual_runs/models_models-00001").exists()
    assert json.loads((tmp_path / "batch_status.json").read_text())["finished_at"] is not None


def test_watch_in_a_pipe_follows_the_batch_to_its_end(toy: ToyWorkplace, tmp_path: Path) -> None:
    seen, output = tmp_path / "seen", tmp_path / "output"
    toy.queries(f"until {seen}", "one")
    batch = toy.start(toy.sheet(3), output)
    wait_until((output / "batch_status.json").exists)
    watching = subprocess.Popen(
        [str(toy.python), str(ROOT / "batch_runner.py"), "watch", "--output-dir", str(output)],
        stdout=subprocess.PIPE, text=True, env=toy.environment(),
    )  # fmt: skip
    assert watching.stdout is not None
    assert next(line for line in watching.stdout if "runs  ./models/models-0000" in line)
    seen.touch()
    rest, _ = watching.communicate(timeout=PATIENCE_S)
    batch.communicate(timeout=PATIENCE_S)
    assert watching.returncode == 0
    assert rest.rstrip().endswith("3 of 3 runs ended: 3 done")


def test_no_gpu_is_leased_twice_at_a_time(toy: ToyWorkplace, tmp_path: Path, nvml_simulator: NvmlSimulator) -> None:
    toy.queries("sleep 0.2", "one")
    sheet = mixed_sheet(toy)
    simulated = {"gpus": 4, "own_process": 0, "ENERGY_SCORE_LOCK_DIR": str(toy.folder / "locks"), "HF_HUB_OFFLINE": 1}
    done = subprocess.run(
        toy.command(sheet, tmp_path, "--jobs", "4", "--meter", "nvml"), capture_output=True, text=True, check=False,
        timeout=PATIENCE_S, env=nvml_simulator.environment(**simulated),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    runs = [RunDirectory(path) for path in sorted((tmp_path / "individual_runs").iterdir())]
    used = []
    for run in runs:
        report, owner = RunReport.read(run.report_file), run.owner()
        assert owner is not None
        assert owner.finished_at is not None
        assert {gpu.uuid for gpu in report.hardware.gpus} == set(owner.gpu_uuids or ())
        assert len(report.hardware.gpus) == (2 if report.spec.model_class == "C" else 1)
        assert owner.started_at <= report.started_at <= report.finished_at <= owner.finished_at
        used.append((report, {gpu.uuid for gpu in report.hardware.gpus}))
    assert len(used) == 14
    for (one, gpus), (other, other_gpus) in combinations(used, 2):
        overlap = one.started_at < other.finished_at and other.started_at < one.finished_at
        assert not (overlap and gpus & other_gpus), f"{one.run_id} and {other.run_id} on {gpus & other_gpus}"
    assert {uuid for _, gpus in used for uuid in gpus} == set(UUIDS[:4])
    first = sorted(used, key=lambda entry: entry[0].started_at)[:2]
    assert {report.spec.model_class for report, _ in first} == {"C"}  # biggest first
    at_most = [int(row["concurrent_runs"]) for row in table(tmp_path)]
    assert max(at_most) in (3, 4)
    assert all(
        "concurrent_runs" in row["verdict_reasons"] for row in table(tmp_path) if int(row["concurrent_runs"]) > 1
    )
