"""Stalls of the process, told from a thread's signs of life and from clocks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energy_score.engine.stalls import ClockReading, StallWatch
from tests.support.patience import PATIENCE_S

REPOSITORY = Path(__file__).resolve().parents[2]

# Says when it watches, and after the next line on its standard input how long it stood still.
CHILD = """
import sys, time
from energy_score.engine.stalls import StallWatch
with StallWatch() as watch:
    start_s = time.monotonic()
    print("watching", flush=True)
    sys.stdin.readline()
    print(watch.longest_stall_s(start_s, time.monotonic()))
"""


def watching_child() -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "watching\n"
    return child


def test_a_process_that_was_stopped_knows_for_how_long() -> None:
    child = watching_child()
    child.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    child.send_signal(signal.SIGCONT)
    output, _ = child.communicate("\n", timeout=PATIENCE_S)
    assert float(output) >= 1.4


def test_a_stall_counts_for_the_windows_that_it_touches(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = StallWatch()
    watch._gaps = [(100.0, 112.0), (200.0, 200.9)]
    watch._last_s = 300.0
    monkeypatch.setattr(time, "monotonic", lambda: 300.1)
    assert watch.longest_stall_s(90.0, 100.5) == 12.0
    assert watch.longest_stall_s(111.0, 120.0) == 12.0
    assert watch.longest_stall_s(112.5, 250.0) == 0.0
    monkeypatch.setattr(time, "monotonic", lambda: 303.0)
    assert watch.longest_stall_s(299.0, 303.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("earlier", "later", "lost_s"),
    [
        (ClockReading(boot_s=5.0, wall_s=1e9), ClockReading(boot_s=17.0, wall_s=1e9), 12.0),  # suspended
        (ClockReading(boot_s=5.0, wall_s=1e9), ClockReading(boot_s=5.0, wall_s=1e9 + 30), 30.0),  # a paused machine
        (ClockReading(boot_s=None, wall_s=1e9), ClockReading(boot_s=None, wall_s=1e9), 0.0),
        (ClockReading(boot_s=5.0, wall_s=1e9), ClockReading(boot_s=5.0, wall_s=1e9 - 30), 0.0),  # set back
    ],
)
def test_clocks_that_ran_ahead_of_the_monotonic_one_tell_what_that_did_not_count(
    earlier: ClockReading, later: ClockReading, lost_s: float
) -> None:
    assert later.lost_s(earlier) == lost_s


def test_nothing_is_lost_between_two_looks_at_once() -> None:
    assert ClockReading.now().lost_s(ClockReading.now()) < 0.5
