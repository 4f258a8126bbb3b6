"""Facts about the number of current runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.host.locks.run_slots import RunSlot

HOLD = """
import sys, time
from energy_score.host.locks.run_slots import RunSlot
with RunSlot():
    print("held", flush=True)
    time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENERGY_SCORE_LOCK_DIR", str(tmp_path / "locks"))
    return tmp_path / "locks"


def test_each_run_knows_the_most_there_were_while_it_lasted(locks: Path) -> None:
    with RunSlot() as longest:
        with RunSlot() as short:
            pass
        with RunSlot() as other, RunSlot() as third:
            pass
    with RunSlot() as alone:
        pass
    assert [slot.most for slot in (longest, short, other, third, alone)] == [3, 2, 3, 3, 1]
    assert list(locks.glob("*.run")) == []


def test_a_run_that_saw_three_at_once_still_says_three_when_later_ones_were_two(locks: Path) -> None:
    with RunSlot() as longest:
        with RunSlot(), RunSlot():
            pass
        with RunSlot() as later:
            pass
    assert (longest.most, later.most) == (3, 2)


def test_a_run_of_another_process_counts_as_long_as_that_lives(locks: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with RunSlot() as beside:
        pass
    other.kill()
    other.wait()
    other.stdout.close()
    with RunSlot() as after:
        assert len(list(locks.glob("*.run"))) == 1  # what the dead one left is gone
    assert (beside.most, after.most) == (2, 1)


def test_where_locks_cannot_be_kept_the_number_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENERGY_SCORE_LOCK_DIR", "/proc/nowhere")
    with RunSlot() as slot:
        assert os.getpid()
    assert slot.most is None
