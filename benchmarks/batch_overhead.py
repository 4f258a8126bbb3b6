"""What a batch costs beside its runs: time per run that does nothing, by executor, and the driver's memory by rows.

A no-op run is a real one (process or job, records, files) whose model answers at once (tests/drills). Its time is told
in three parts: all of it, from one end to the next; the engine's own, from its first to its last record; and the start
of an interpreter that does nothing, on the same machine before and after; each also stands as a ratio to that start.
The driver's memory is that of the batch loop itself, over an executor that writes a finished report in the engine's
place.

Run: python -m benchmarks.batch_overhead [--runs 1000] [--executors local] [--rows 100,10000] [--jobs 1]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.host.executors.engine_output import OnEvent, OnLogLine
from energy_score.host.executors.executor import Execution
from tests.drills.toy_workplace import ROOT, ToyWorkplace
from tests.support.record_factory import make_report

BARE_STARTS = 20  # before what is measured, and as many after it: a second in all
# What a batch is told for each executor; a cluster's is another line.
EXECUTORS: dict[str, tuple[str, ...]] = {"local": ("--executor", "local")}


class FinishedRuns:
    """An executor that writes the report of a finished run and returns: all that is left is the driver's own."""

    name = "finished"
    image: str | None = None

    def check(self, *, backend: str) -> None:
        """Nothing is missing."""

    def stop(self, *, at_once: bool) -> None:
        """Nothing is under way."""

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        """Return the result immediately."""
        del gpu_uuids
        on_event({"event": "stage", "stage": "report"})
        on_log_line("done")
        make_report(spec=spec, spec_identity=spec.identity(), run_id=spec.run_id).write(directory.report_file)
        return Execution(exit_code=0)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--executors", default="local", help=f"of {', '.join(EXECUTORS)}")
    parser.add_argument("--rows", default="100,10000")
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--driver", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.driver is not None:
        _drive(arguments.driver)
        return
    for name in filter(None, arguments.executors.split(",")):
        _print_overhead(name, arguments.runs, arguments.jobs)
    for rows in filter(None, arguments.rows.split(",")):
        command = [sys.executable, "-m", "benchmarks.batch_overhead", "--driver", rows]
        subprocess.run(command, check=True, cwd=ROOT)


def _print_overhead(name: str, runs: int, jobs: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workplace, output = ToyWorkplace(Path(folder)), Path(folder) / "out"
        workplace.build()
        workplace.queries("one word")
        bare_s = [_bare_interpreter_s(workplace.python) for _ in range(BARE_STARTS)]
        start_s = time.monotonic()
        command = workplace.command(workplace.sheet(runs), output, *EXECUTORS[name], "--jobs", jobs)
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=workplace.environment())
        wall_s = time.monotonic() - start_s
        bare_s += [_bare_interpreter_s(workplace.python) for _ in range(BARE_STARTS)]
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        directories = [RunDirectory(path) for path in (output / "individual_runs").iterdir()]
        owners = [RunOwner.read(directory.owner_file) for directory in directories]
        reports = [RunReport.read(directory.report_file) for directory in directories]
    ends = sorted(owner.finished_at for owner in owners if owner.finished_at is not None)
    between_s = statistics.median((later - earlier).total_seconds() for earlier, later in pairwise(ends))
    engine_s = statistics.median((report.finished_at - report.started_at).total_seconds() for report in reports)
    bare_median_s = statistics.median(bare_s)
    print(f"{name}: {runs} no-op runs, --jobs {jobs}: {wall_s:.1f} s in all")
    for what, value_s in (
        ("from one end to the next, median", between_s),
        ("of which in the engine's record", engine_s),
        ("start of a bare interpreter", bare_median_s),
        ("beyond interpreter and engine", between_s - engine_s - bare_median_s),
    ):
        print(f"  {what:33} {1000 * value_s:8.1f} ms {value_s / bare_median_s:6.1f} x a bare start")
    print(f"  bare starts from {1000 * min(bare_s):.1f} to {1000 * max(bare_s):.1f} ms", flush=True)


def _bare_interpreter_s(python: Path) -> float:
    start_s = time.monotonic()
    subprocess.run([python, "-c", "pass"], check=True)
    return time.monotonic() - start_s


def _drive(rows: int) -> None:
    """The batch loop over so many rows, in this process; prints its memory and its time per run."""
    from energy_score.host.batch.attempt import Attempt  # noqa: PLC0415 - what is imported counts from here on
    from energy_score.host.batch.choice import Chooser  # noqa: PLC0415
    from energy_score.host.batch.ledger import Ledger  # noqa: PLC0415
    from energy_score.host.batch.live_status import LiveStatus  # noqa: PLC0415
    from energy_score.host.batch.loop import Batch  # noqa: PLC0415
    from energy_score.host.batch.plan import Selection, make_plan  # noqa: PLC0415
    from energy_score.host.batch.progress import PlainProgress  # noqa: PLC0415
    from parameter_handler import RunOptions  # noqa: PLC0415
    from results_aggregator import ResultsAggregator  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "progress.txt").open("w") as progress:
        csv, queries = Path(folder) / "models.csv", Path(folder) / "queries.csv"
        lines = [f"org/model-{number},1,A,text_gen,Off (N/A)," for number in range(rows)]
        header = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"
        csv.write_text("\n".join((header, *lines)) + "\n", encoding="ascii")
        queries.write_text("text\none\n", encoding="ascii")
        ledger = Ledger(Path(folder) / "out")
        ledger.open()
        imported_mib = _peak_mib()
        plan = make_plan(Selection(csv), RunOptions(prompts_file=queries, protocol="quick"))
        planned_mib = _peak_mib()
        live = LiveStatus(PlainProgress(progress), ledger.output_directory, jobs=1)
        batch = Batch(
            plan=plan,
            attempt=Attempt(ledger=ledger, executor=FinishedRuns(), progress=live, timeout_s=60),
            aggregator=ResultsAggregator(ledger.output_directory),
            live=live,
            choices={planned.name: Chooser(ledger).of(planned) for planned in plan},
        )
        bare_s = [_bare_interpreter_s(Path(sys.executable)) for _ in range(BARE_STARTS)]
        live.batch_started(run_count=rows, headline="")
        start_s = time.monotonic()
        batch.run()
        wall_s = time.monotonic() - start_s
        bare_s += [_bare_interpreter_s(Path(sys.executable)) for _ in range(BARE_STARTS)]
    print(
        f"driver, {rows} rows: {batch.counts['done']} done; peak memory {imported_mib:.0f} MiB imported, "
        f"{planned_mib:.0f} MiB planned, {_peak_mib():.0f} MiB at the end; {1000 * wall_s / rows:.1f} ms per run, "
        f"{wall_s / rows / statistics.median(bare_s):.2f} x a bare start, tables and records on the disk included"
    )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
