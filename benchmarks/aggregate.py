"""How long 10,000 run directories take to become master_results.csv, against a bare ``json.load`` of the same reports.

``python -m benchmarks.aggregate [--runs N] [--repeats N]``; asked for: at most 5 s and 300 MiB of peak memory.
Each measurement is a process of its own, interleaved with the peer's; the best of the repeats counts.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

LIMIT_S = 5.0
LIMIT_MIB = 300.0


class Cost(NamedTuple):
    """Wall time of the work, and the peak memory of its whole process."""

    wall_s: float
    peak_mib: float


def main() -> int:
    """Measure and print; the exit code, 1 where a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="run directories to make")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each")
    parser.add_argument("--measure", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_here(options.measure, options.directory)))
        return 0
    with tempfile.TemporaryDirectory(prefix="energy-score-benchmark-") as name:
        directory = Path(name)
        report_bytes = make_runs(directory, options.runs)
        print(f"{options.runs} run directories, reports of {report_bytes} bytes")
        costs: dict[str, list[Cost]] = {"ours": [], "peer": []}
        for _ in range(options.repeats):
            for which, found in costs.items():
                found.append(measure_in_child(which, directory))
    ours, peer = (min(costs[which]) for which in ("ours", "peer"))
    print(f"aggregate: {ours.wall_s:.2f} s (all {[f'{cost.wall_s:.2f}' for cost in costs['ours']]})")
    print(f"           {ours.peak_mib:.0f} MiB peak of the process")
    print(f"json.load of the same reports: {peer.wall_s:.2f} s, {peer.peak_mib:.0f} MiB")
    print(f"ratio: {ours.wall_s / peer.wall_s:.2f}")
    is_within = ours.wall_s <= LIMIT_S and ours.peak_mib <= LIMIT_MIB
    print(f"limits of {LIMIT_S:g} s and {LIMIT_MIB:g} MiB: {'held' if is_within else 'EXCEEDED'}")
    return 0 if is_within else 1


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
    command = [sys.executable, __file__, "--measure", which, "--directory", str(directory)]
    return Cost(*json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def measure_here(which: str, directory: Path) -> Cost:
    """Do the work in this process and weigh it; imports are not part of the time."""
    if which == "ours":
        from results_aggregator import ResultsAggregator  # noqa: PLC0415 - the peer must not pay for it

        start_s = time.perf_counter()
        ResultsAggregator(directory).write_master_csv()
    else:
        start_s = time.perf_counter()
        for path in sorted((directory / "individual_runs").iterdir()):
            with (path / "benchmark_report.json").open(encoding="utf-8") as stream:
                json.load(stream)
    wall_s = time.perf_counter() - start_s
    return Cost(wall_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    sys.exit(main())
