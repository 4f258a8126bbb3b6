"""Facts about whose containers may be removed."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from energy_score.executors.owner import Owner


def test_an_owner_comes_back_from_its_labels() -> None:
    this = Owner.current()
    assert Owner.of_labels(this.labels() | {"another": "label"}) == this
    assert this.pid == str(os.getpid())


def test_labels_that_are_not_ours_name_no_owner() -> None:
    labels = Owner.current().labels()
    del labels["ai-energy-score.owner.boot_id"]
    assert Owner.of_labels({}) is None
    assert Owner.of_labels(labels) is None


def test_a_living_owner_is_not_dead() -> None:
    this = Owner.current()
    assert not this.is_dead(seen_by=this)


def test_an_owner_that_has_ended_is_dead() -> None:
    script = "from energy_score.executors.owner import Owner; print(*Owner.current().labels().values(), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert Owner(*done.stdout.splitlines()).is_dead(seen_by=Owner.current())


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({"started": "1"}, True),  # the number was given to another process since
        ({"boot_id": "an earlier one"}, True),
        ({"host": "another"}, False),
        ({"host": "another", "boot_id": "its own"}, False),
        ({"pid_namespace": "pid:[1]", "started": "1"}, False),
        ({"pid": "not a number"}, True),
    ],
)
def test_only_what_can_be_told_for_certain_counts_as_dead(changes: dict[str, str], *, dead: bool) -> None:
    this = Owner.current()
    assert replace(this, **changes).is_dead(seen_by=this) is dead
