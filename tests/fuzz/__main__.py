"""``python -m tests.fuzz --minutes 60``: new cases for every target in turn, and what they showed.

Ends with 1 where a case showed a fault; each is printed with its case. --to FILE keeps the figures as JSON.
"""

import argparse
import json
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import TARGETS

_CASES_A_TURN = 100
# No case takes a second; one that takes this long hangs.
_HANGS_S = 120.0


@dataclass
class Figures:
    """What one target showed: ``crashes`` are the faults by the place in the code, each with its story."""

    cases: int = 0
    seconds: float = 0.0
    crashes: dict[str, str] = field(default_factory=dict)


def main() -> int:
    """Fuzz as the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--target", choices=list(TARGETS), action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--seed", type=int, default=time.time_ns() % 2**32, help="the first turn's; the next is one more"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="where the figures go as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, _hangs)
    figures = {name: Figures() for name in options.target or TARGETS}
    end_s, number = time.monotonic() + 60 * options.minutes, options.seed
    while time.monotonic() < end_s:
        for name, found in figures.items():
            if time.monotonic() < end_s:
                _turn(name, found, number)
        number += 1
        _keep(figures, first_seed=options.seed, to=options.to)
    _show(figures)
    return 1 if any(found.crashes for found in figures.values()) else 0


def _turn(name: str, found: Figures, number: int) -> None:
    start_s, cases = time.monotonic(), 0
    target = TARGETS[name]
    check = target.check

    def counted(case: Any) -> None:
        nonlocal cases
        cases += 1
        signal.setitimer(signal.ITIMER_REAL, _HANGS_S)
        try:
            check(case)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    try:
        type(target)(target.cases, counted).run(most=_CASES_A_TURN, seed_number=number)
    except Exception as error:  # noqa: BLE001 - every kind is a finding
        place = _place(error)
        if place not in found.crashes:
            found.crashes[place] = "".join(traceback.format_exception(error))[-6000:]
            sys.stdout.write(f"{name}: seed {number}: {place}\n{found.crashes[place]}\n")
    found.cases += cases
    found.seconds += time.monotonic() - start_s


def _place(error: BaseException) -> str:
    """The kind of fault and the innermost line of this project that it comes from."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    inside = [
        frame for frame in ours if "/tests/" not in frame.filename and "/lib/python" not in frame.filename
    ] or ours
    return f"{type(error).__name__} at {Path(inside[-1].filename).name}:{inside[-1].name}"


def _hangs(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"a case takes longer than {_HANGS_S:g} s")


def _keep(figures: dict[str, Figures], *, first_seed: int, to: Path | None) -> None:
    if to is not None:
        content = {"first_seed": first_seed, "targets": {name: asdict(found) for name, found in figures.items()}}
        to.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _show(figures: dict[str, Figures]) -> None:
    sys.stdout.write("| target | cases | minutes | crashes |\n|---|---|---|---|\n")
    for name, found in figures.items():
        sys.stdout.write(f"| {name} | {found.cases:,} | {found.seconds / 60:.1f} | {len(found.crashes)} |\n")
    cases, crashes = sum(one.cases for one in figures.values()), sum(len(one.crashes) for one in figures.values())
    sys.stdout.write(f"| all | {cases:,} | {sum(one.seconds for one in figures.values()) / 60:.1f} | {crashes} |\n")


if __name__ == "__main__":
    sys.exit(main())
