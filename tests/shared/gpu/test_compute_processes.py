import os
import subprocess
import sys

import pytest

from energy_score.shared.gpu.compute_processes import Sighting, descends_from, foreign_process_ids

FIRST_LOOK = Sighting(10, 0.0, 100.0, first_look=True, descends=False)
DURING_LOAD = Sighting(20, 5.0, 100.0, first_look=False, descends=False)
IN_A_WINDOW = Sighting(30, 50.0, 60.0, first_look=False, descends=False)
OWN_CHILD = Sighting(40, 5.0, 100.0, first_look=False, descends=True)
ALL = (FIRST_LOOK, DURING_LOAD, IN_A_WINDOW, OWN_CHILD)


@pytest.mark.parametrize(
    ("own", "comparable", "foreign"),
    [((), True, (10, 20, 30)), ((20,), True, (10, 30)), ((), False, (10, 30)), ((10,), False, (30,))],
)
def test_a_process_is_foreign_unless_it_may_be_the_runs_own(
    own: tuple[int, ...], comparable: bool, foreign: tuple[int, ...]  # noqa: FBT001
) -> None:  # fmt: skip
    assert foreign_process_ids(ALL, own, start_s=10, end_s=90, ids_are_comparable=comparable) == foreign


def test_in_a_container_what_comes_while_the_run_starts_a_process_may_be_its_own() -> None:
    def foreign(*arrivals_s: tuple[float, float], comparable: bool = False) -> tuple[int, ...]:
        return foreign_process_ids(ALL, (), start_s=10, end_s=90, ids_are_comparable=comparable, arrivals_s=arrivals_s)

    assert foreign((48, 52)) == (10,)
    assert foreign((40, 45), (55, 60)) == (10, 30)
    assert foreign((0, 52)) == (10,)  # that of the first look was there before any of the run
    assert foreign((48, 52), comparable=True) == (10, 20, 30)  # ids tell more


def test_a_process_that_was_gone_or_not_there_yet_is_not_of_the_window() -> None:
    assert foreign_process_ids(ALL, (10, 20), start_s=70, end_s=90, ids_are_comparable=True) == ()
    assert foreign_process_ids(ALL, (10, 20), start_s=10, end_s=40, ids_are_comparable=True) == ()


def test_a_grandchild_descends_from_this_process_and_its_parent_does_not() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os; print(os.getpid()); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        grandchild_id = int(child.stdout.readline())
        assert descends_from(grandchild_id, os.getpid())
        child.communicate("\n")
    assert not descends_from(grandchild_id, os.getpid())
    assert not descends_from(os.getppid(), os.getpid())
