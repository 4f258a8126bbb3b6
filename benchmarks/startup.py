"""CPU time of whole processes (user + system, median): ``--help``, ``list`` of 60 rows, and bare peers beside them.

Run: python -m benchmarks.startup [--runs 11]
"""

import argparse
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "--help": [sys.executable, "batch_runner.py", "--help"],
    "list (60 rows)": [sys.executable, "batch_runner.py", "list"],
    "peer: python -c pass": [sys.executable, "-c", "pass"],
    "peer: import pandas": [sys.executable, "-c", "import pandas"],
    "peer: pip --version": [sys.executable, "-m", "pip", "--version"],
}
LIMITS_S = {"--help": 0.35, "list (60 rows)": 0.6}


def cpu_time_s(command: list[str]) -> float:
    """User and system seconds of one run of ``command``, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def main() -> int:
    """Print the table; 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    samples: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):  # interleaved, so that a busy moment falls on all alike
        for name, command in COMMANDS.items():
            samples[name].append(cpu_time_s(command))
    medians = {name: statistics.median(values) for name, values in samples.items()}
    bare_s = medians["peer: python -c pass"]
    broken = 0
    for name, median_s in medians.items():
        limit_s = LIMITS_S.get(name)
        verdict = "" if limit_s is None else f"  limit {limit_s:.2f} s: {'ok' if median_s <= limit_s else 'BROKEN'}"
        broken += limit_s is not None and median_s > limit_s
        print(f"{name:22} {median_s:6.3f} s CPU  {median_s / bare_s:5.1f} x bare Python{verdict}")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())
