"""Facts about who works on a run, and whose containers may be removed."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from energy_score.contract.run_owner import Owner, RunOwner


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
    script = "from energy_score.contract.run_owner import Owner; print(Owner.current().model_dump_json())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert Owner.model_validate_json(done.stdout).is_dead(seen_by=Owner.current())


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
    assert this.model_copy(update=changes).is_dead(seen_by=this) is dead


def test_a_run_is_owned_by_this_process_until_it_is_finished(tmp_path: Path) -> None:
    owner = RunOwner.this_process("run_1", executor="local", cluster_job="slurm:123_4", gpu_uuids=("GPU-a",))
    owner.write(tmp_path / "run_owner.json")
    assert RunOwner.read(tmp_path / "run_owner.json") == owner
    assert owner.process == Owner.current()
    assert not owner.has_left()
    assert owner.model_copy(update={"finished_at": datetime.now(UTC), "concurrent_runs": 1}).has_left()


def test_a_run_whose_process_is_gone_is_owned_by_nobody() -> None:
    owner = RunOwner.this_process("run_1", executor="local")
    gone = owner.process.model_copy(update={"started": "1"})
    assert owner.model_copy(update={"process": gone}).has_left()
