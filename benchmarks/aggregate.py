"""What making master_results.csv of run directories takes: CPU time beside ``json.load`` of the reports, and memory.

Each measurement is a process of its own. The times are of 2,000 directories, in turn with the peer's; the peak memory
is of 10,000. Run: python -m benchmarks.aggregate [--runs 10000] [--timed-runs 2000] [--rounds 12]
"""

import argparse
import functools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.side_by_side import Ratio, is_kept, samples_in_turn

REPOSITORY = Path(__file__).resolve().parent.parent

PEER = "json.load of the same reports"
# Of the peer's CPU time; measured on 28 November 2026: 2.26 (load 2) to 2.8 (load 11); 2.0 on 21 November.
LIMIT = 3.5
LIMIT_MIB = 300.0  # asked for; does not depend on the machine's speed


class Cost(NamedTuple):
    """CPU time of the work, and the peak memory of its whole process."""

    cpu_s: float
    peak_mib: float


def main() -> int:
    """Measure and print; the exit code, 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="run directories whose aggregation is weighed")
    parser.add_argument("--timed-runs", type=int, default=2000, help="run directories whose aggregation is timed")
    parser.add_argument("--rounds", type=int, default=12, help="timed aggregations; 6 and more can decide")
    parser.add_argument("--measure", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_here(options.measure, options.directory)))
        return 0
    with tempfile.TemporaryDirectory(prefix="energy-score-benchmark-") as name:
        weighed, timed = Path(name) / "weighed", Path(name) / "timed"
        make_runs(weighed, options.runs)
        report_bytes = make_runs(timed, options.timed_runs)
        print(f"{options.timed_runs} run directories timed, {options.runs} weighed; reports of {report_bytes} bytes")
        peak_mib = measure_in_child("ours", weighed).peak_mib
        measures = {which: functools.partial(cpu_time_s, which, timed) for which in ("ours", "peer")}
        samples = samples_in_turn(measures, options.rounds)
    for which, what in (("ours", "aggregate"), ("peer", PEER)):
        print(f"{what}: {statistics.median(samples[which]):.2f} s CPU")
    kept = is_kept("aggregate", Ratio.of(samples["ours"], samples["peer"]), peer=PEER, limit=LIMIT)
    has_room = peak_mib <= LIMIT_MIB
    print(f"aggregate: {peak_mib:.0f} MiB at most; limit {LIMIT_MIB:g} MiB {'held' if has_room else 'BROKEN'}")
    return 0 if kept and has_room else 1


def cpu_time_s(which: str, directory: Path) -> float:
    """CPU seconds of one measurement in a fresh process."""
    return measure_in_child(which, directory).cpu_s


def make_runs(directory: Path, count: int) -> int:
    """Write ``count`` finished runs of an official run's shape; the size of one report in bytes."""
    from energy_score.contract.run_report import EnergySource  # noqa: PLC0415 - not measured
    from tests.support.record_factory import make_config, make_phases, make_report, make_statistics  # noqa: PLC0415 - not measured

    report = make_report(
        phases=make_phases(repeats=10) + make_phases(repeats=10, source=EnergySource.RAPL),
        statistics=make_statistics() + make_statistics(domain="cpu", source=EnergySource.RAPL, share=0.3),
    )
    files = {
        "model_config.json": make_config().model_dump_json(indent=1),
        "run_spec.json": report.spec.model_dump_json(indent=1),
        "benchmark_report.json": report.model_dump_json(indent=1),
    }
    for number in range(count):
        run = directory / "individual_runs" / f"org_model-{number:05d}_On_High"
        run.mkdir(parents=True)
        for name, text in files.items():
            (run / name).write_text(text, encoding="utf-8")
    return len(files["benchmark_report.json"])


def measure_in_child(which: str, directory: Path) -> Cost:
    """The cost of one measurement in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.aggregate", "--measure", which, "--directory", str(directory)]
    done = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True)
    return Cost(*json.loads(done.stdout))


def measure_here(which: str, directory: Path) -> Cost:
    """Do the work in this process and weigh it; imports are not part of the time."""
    if which == "ours":
        from results_aggregator import ResultsAggregator  # noqa: PLC0415 - the peer must not pay for it

        start_s = time.process_time()
        ResultsAggregator(directory).write_master_csv()
    else:
        start_s = time.process_time()
        for path in sorted((directory / "individual_runs").iterdir()):
            with (path / "benchmark_report.json").open(encoding="utf-8") as stream:
                json.load(stream)
    cpu_s = time.process_time() - start_s
    return Cost(cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
