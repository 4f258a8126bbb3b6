"""Facts about one run's attempts; the executor is told what to leave, the ledger and its files are real."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError, ExitCode
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch import retry
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import PlainProgress
from energy_score.host.executors.engine_output import OnEvent, OnLogLine
from energy_score.host.executors.executor import Execution
from tests.support.record_factory import make_config, make_failure, make_owner, make_report, make_spec

SPEC = make_spec()
PLANNED = ResolvedRun("run", make_config(), SPEC)
KILLED = Execution(exit_code=-9)
DONE = Execution(exit_code=0)


@dataclass
class Told:
    """An executor that ends as told, one after the other, with a report where the exit code is 0."""

    ends: list[Execution]
    seen: list[tuple[RunOwner | None, tuple[str, ...] | None]] = field(default_factory=list)
    name: str = "told"
    image: str | None = None

    def check(self, *, backend: str) -> None:
        pass

    def stop(self, *, at_once: bool) -> None:
        pass

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        self.seen.append((directory.owner(), gpu_uuids))
        assert directory.state() is RunState.RUNNING
        end = self.ends.pop(0)
        if end.exit_code == 0:
            make_report(spec=spec, spec_identity=spec.identity(), run_id=spec.run_id).write(directory.report_file)
        return end


def attempt(folder: Path, *ends: Execution, cluster_job: str | None = None) -> Attempt:
    ledger = Ledger(folder)
    ledger.open()
    progress = PlainProgress(io.StringIO())
    return Attempt(
        ledger=ledger, executor=Told(list(ends)), progress=progress, timeout_s=9, cluster_job=cluster_job
    )  # fmt: skip


def seen(one: Attempt) -> list[tuple[RunOwner | None, tuple[str, ...] | None]]:
    assert isinstance(one.executor, Told)
    return one.executor.seen


def planned_directory(folder: Path) -> RunDirectory:
    ledger = Ledger(folder)
    ledger.open()
    return ledger.start(PLANNED)


def test_the_owner_stands_beside_the_order_before_the_engine_starts_and_says_when_it_ended(tmp_path: Path) -> None:
    one = attempt(tmp_path, DONE)
    assert one.run(PLANNED, gpu_uuids=("GPU-a",)) is ExitCode.OK
    ((during, gpus),) = seen(one)
    after = one.ledger.directory("run").owner()
    assert during is not None
    assert after is not None
    assert gpus == during.gpu_uuids == after.gpu_uuids == ("GPU-a",)
    assert (during.finished_at, during.executor, during.attempt) == (None, "told", 1)
    assert after.finished_at is not None
    assert after.concurrent_runs is not None


def test_an_order_of_another_process_is_carried_out_as_it_lies_there(tmp_path: Path) -> None:
    one = attempt(tmp_path, DONE, cluster_job="slurm:5_1")
    directory = planned_directory(tmp_path)
    assert one.execute_planned(directory, gpu_uuids=("GPU-a",)) is ExitCode.OK
    owner = directory.owner()
    assert owner is not None
    assert (owner.cluster_job, owner.gpu_uuids) == ("slurm:5_1", ("GPU-a",))
    assert one.execute_planned(directory) is ExitCode.OK  # done: not again
    assert len(seen(one)) == 1


def test_a_recorded_failure_is_a_result_that_no_cluster_tries_again(tmp_path: Path) -> None:
    one, directory = attempt(tmp_path), planned_directory(tmp_path)
    make_failure().write(directory.failure_file)
    assert one.execute_planned(directory) is ExitCode.SOME_RUNS_FAILED
    assert seen(one) == []


def test_a_run_that_another_process_carries_out_is_refused_unless_the_same_job_was_queued_again(
    tmp_path: Path,
) -> None:
    directory = planned_directory(tmp_path)
    elsewhere = make_owner().process.model_copy(update={"host": "node7", "pid": "42"})
    make_owner(process=elsewhere, finished_at=None, cluster_job="slurm:5_1").write(directory.owner_file)
    with pytest.raises(EnvironmentNotReadyError, match=r"already running since .*: process 42 on node7, slurm:5_1"):
        attempt(tmp_path, cluster_job="slurm:5_2").execute_planned(directory)
    again = attempt(tmp_path, DONE, cluster_job="slurm:5_1")
    assert again.execute_planned(directory) is ExitCode.OK
    owner = directory.owner()
    assert owner is not None
    assert owner.attempt == 2


def test_a_lost_run_is_taken_over(tmp_path: Path) -> None:
    directory = planned_directory(tmp_path)
    make_owner().write(directory.owner_file)
    assert directory.state() is RunState.LOST
    assert attempt(tmp_path, DONE).execute_planned(directory) is ExitCode.OK


@pytest.mark.parametrize(
    ("ends", "retries", "state", "attempts", "kept_aside"),
    [
        ((KILLED, DONE), 1, RunState.DONE, 2, 1),
        ((KILLED, KILLED, DONE), 1, RunState.FAILED, 2, 1),
        ((KILLED,), 0, RunState.FAILED, 1, 0),
        ((Execution(exit_code=1), DONE), 5, RunState.FAILED, 1, 0),  # nothing from outside
        ((Execution(exit_code=-15, timed_out=True), DONE), 5, RunState.FAILED, 1, 0),
    ],
)
def test_retries_are_as_many_as_allowed_and_each_earlier_attempt_is_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    ends: tuple[Execution, ...],
    retries: int,
    state: RunState,
    attempts: int,
    kept_aside: int,
) -> None:
    monkeypatch.setattr(retry, "_PAUSE_S", 0.0)
    one = attempt(tmp_path, *ends)
    retry.attempt_with_retries(one, PLANNED, gpu_uuids=None, retries=retries, may_go_on=lambda: True)
    directory = one.ledger.directory("run")
    owner = directory.owner()
    assert owner is not None
    assert (directory.state(), owner.attempt) == (state, attempts)
    aside = list((tmp_path / "aside").glob("*"))
    assert len(aside) == kept_aside
    for number, earlier in enumerate(sorted(aside), start=1):
        kept = RunDirectory(earlier).owner()
        assert kept is not None
        assert (kept.attempt, RunDirectory(earlier).failure().cause) == (number, "killed")
