"""CPU time of whole processes (user + system): ``--help`` and ``list`` of 60 rows beside bare Python, and other peers.

Run: python -m benchmarks.startup [--rounds 15]
"""

import argparse
import functools
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.side_by_side import Ratio, is_kept, samples_in_turn

ROOT = Path(__file__).resolve().parent.parent
BARE = "bare Python"
COMMANDS = {
    "--help": [sys.executable, "batch_runner.py", "--help"],
    BARE: [sys.executable, "-c", "pass"],
    "list (60 rows)": [sys.executable, "batch_runner.py", "list"],
    "import pandas": [sys.executable, "-c", "import pandas"],
    "pip --version": [sys.executable, "-m", "pip", "--version"],
}
# Of bare Python's CPU time. Measured on 28 November 2026 at loads of 2 to 11: 3.1 to 3.4 and 10.8 to 13.5. The aim is
# 3.5 and 10.
LIMITS = {"--help": 4.0, "list (60 rows)": 14.0}


def cpu_time_s(command: list[str]) -> float:
    """User and system seconds of one run of ``command``, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def main() -> int:
    """Print the medians and the verdicts; 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    measures = {name: functools.partial(cpu_time_s, command) for name, command in COMMANDS.items()}
    for measure in measures.values():
        measure()  # what is compiled or read from the disk for the first time is not start-up
    samples = samples_in_turn(measures, rounds)
    bare_s = samples[BARE]
    for name, values_s in samples.items():
        ratio = Ratio.of(values_s, bare_s)
        print(f"{name:14} {statistics.median(values_s):6.3f} s CPU, {ratio.median:5.1f} x {BARE}")
    kept = [is_kept(name, Ratio.of(samples[name], bare_s), peer=BARE, limit=limit) for name, limit in LIMITS.items()]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
