"""The benchmarks of ``make benchmarks``, one after another; a broken limit or a crash does not stop those after it.

Run: python -m benchmarks
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = (
    ("startup",),
    ("parse",),
    ("aggregate",),
    ("harness_overhead",),
    ("sampler_cost",),
    ("batch_overhead", "--runs", "50", "--rows", "100,1000"),
)


def failed_programs(programs: Iterable[Sequence[str]]) -> list[str]:
    """Run each module of this folder with its arguments; the names of those that did not end with 0."""
    failed = []
    for name, *arguments in programs:
        print(f"== {name}", flush=True)
        start_s = time.monotonic()
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, check=False)
        print(f"   {time.monotonic() - start_s:.0f} s, exit code {done.returncode}\n", flush=True)
        if done.returncode:
            failed.append(name)
    return failed


def main() -> int:
    """Run them all; 1 if one failed."""
    failed = failed_programs(PROGRAMS)
    print(f"FAILED: {', '.join(failed)}" if failed else "No benchmark broke its limit.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
