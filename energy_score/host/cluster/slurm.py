"""A batch on Slurm: submit arrays and follow them by the queue and the run directories; Slurm runs independently."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from energy_score.contract.errors import EnvironmentNotReadyError, RecordError, UsageError
from energy_score.contract.run_directory import RunDirectory
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.host.cluster.batch import ClusterBatch
from energy_score.host.cluster.slurm_commands import QueuedTask, cancel, queued_tasks, submit
from energy_score.host.cluster.task_list import NodeSettings, TaskList, task_lists
from energy_score.host.cluster.worker import is_final

# Often enough to see a run start and end, rarely enough for a controller with thousands of users.
_POLL_S = 2.0
# A task that has just left the queue may have written its record on another node a moment ago.
_SETTLES_S = 6.0
# A cancelled run has Slurm's KillWait (30 s by default) to stop what it started.
_CANCEL_S = 60.0


@dataclass
class _Following:
    """A queued or running run, and since when it was missing from the queue (monotonic seconds)."""

    planned: ResolvedRun
    listed: TaskList
    index: int
    has_begun: bool = False
    missing_since_s: float | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return the task's key in the queue."""
        return self.listed.job_name, self.index


@dataclass
class SlurmBatch:
    """The Slurm part of a cluster batch."""

    batch: ClusterBatch
    _following: dict[str, _Following] = field(default_factory=dict)
    _reasons: set[str] = field(default_factory=set)

    @property
    def under_way_count(self) -> int:
        """Return the number of runs known to be queued or running."""
        return len(self._following)

    def not_followed(self, plan: Sequence[PlannedRun]) -> list[PlannedRun]:
        """Return the runs of ``plan`` that are not known to be queued or running."""
        return [planned for planned in plan if planned.name not in self._following]

    def take_up(self, plan: Sequence[PlannedRun] | None = None) -> None:
        """Follow what earlier commands left in the queue: only the runs of ``plan``, or all of them.

        Raises:
            EnvironmentNotReadyError: Slurm cannot report what is queued.
            UsageError: The run of a row is queued or running with a different run spec than the plan's.
        """
        by_name = None if plan is None else {planned.name: planned for planned in plan}
        ledger = self.batch.ledger
        lists = list(task_lists(ledger.output_directory, "slurm"))
        queued = queued_tasks([listed.job_name for listed in lists])
        for listed in lists:
            for index, task in enumerate(listed.tasks):
                if by_name is not None and ((listed.job_name, index) not in queued or task.name not in by_name):
                    continue
                directory = ledger.directory(task.name)
                with suppress(RecordError):
                    spec = directory.spec()
                    if spec.run_id != task.run_id or is_final(directory):
                        continue
                    found = ResolvedRun(task.name, directory.config(), spec)
                    _refuse_another_order(found, by_name)
                    self._following[task.name] = _Following(found, listed, index)

    def submit(
        self,
        runs: Sequence[ResolvedRun],
        *,
        node: NodeSettings,
        node_gpus: int | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """Submit ``runs``, none of which is queued or running.

        Raises:
            EnvironmentNotReadyError: sbatch refuses.
        """
        new = {planned.name: planned for planned in runs}
        (self.batch.ledger.output_directory / "logs").mkdir(
            exist_ok=True
        )  # for Slurm's output; Slurm does not create it
        for listed in self.batch.order(runs, engine="slurm", node=node, node_gpus=node_gpus):
            try:
                job_id = submit(listed, arguments)
            except EnvironmentNotReadyError:
                listed.file.unlink(missing_ok=True)
                raise
            self.batch.live.note(
                f"slurm job {job_id} ({listed.job_name}): {len(listed.tasks)} runs, GPUs for each: {listed.gpu_count}"
            )
            for index, task in enumerate(listed.tasks):
                self._following[task.name] = _Following(new[task.name], listed, index)

    def follow(self) -> None:
        """Return when no followed run is queued or running any more; report starts and ends as they are seen."""
        while self._following:
            self.look()
            self.batch.live.beat()
            self.batch.publisher.publish_if_due()
            if self._following:
                time.sleep(_POLL_S)
        self._forget_lists()

    def settle(self) -> None:
        """Check until every run that has left the queue is counted; others remain queued or running."""
        self.look()
        while any(run.missing_since_s is not None for run in self._following.values()):
            time.sleep(_POLL_S)
            self.look()
        self._forget_lists()

    def look(self) -> None:
        """Query the queue once, and count the runs that have ended."""
        try:
            queued = queued_tasks({run.listed.job_name for run in self._following.values()})
        except EnvironmentNotReadyError as error:  # a restarting controller: the jobs continue without it
            self._note(f"{error}. Trying again.")
            return
        now_s = time.monotonic()
        for name, run in list(self._following.items()):
            task = queued.get(run.key)
            if task is not None and task.is_waiting:
                run.missing_since_s = None
                self._note_reason(task)
                # Requeued although it was done, because its node was lost right after. Others have no files to check
                # yet.
                if run.has_begun and self.batch.ledger.directory(name).report_file.exists():
                    self.batch.ended(run.planned)
                    del self._following[name]
                continue
            if task is not None and not run.has_begun:
                run.has_begun = True
                self.batch.report_start(run.planned)
            if self._has_ended(run, task, now_s):
                del self._following[name]

    def cancel(self) -> int:
        """Cancel all followed runs and wait for their end; return how many there were.

        Raises:
            EnvironmentNotReadyError: Slurm does not answer, or keeps the jobs for more than a minute.
        """
        names = {run.listed.job_name for run in self._following.values()}
        queued = queued_tasks(names)
        self._following = {name: run for name, run in self._following.items() if run.key in queued}
        count = len(self._following)
        if not count:
            return 0
        cancel({queued[run.key].job_id for run in self._following.values()})
        give_up_s = time.monotonic() + _CANCEL_S
        while queued := queued_tasks(names):
            if time.monotonic() > give_up_s:
                raise EnvironmentNotReadyError(
                    f"{len(queued)} tasks are still queued after {_CANCEL_S:g} s. Check squeue."
                )
            time.sleep(_POLL_S)
        for run in self._following.values():
            directory = self.batch.ledger.directory(run.planned.name)
            if _has_record(directory):
                self.batch.ended(run.planned)
            else:
                self.batch.record_no_result(
                    run.planned, "cancelled. Run the batch again.", stage="interrupted", cause="interrupted"
                )
        self._following = {}
        self._forget_lists()
        return count

    def _has_ended(self, run: _Following, task: QueuedTask | None, now_s: float) -> bool:
        directory = self.batch.ledger.directory(run.planned.name)
        with suppress(RecordError):
            # While its task exists, the worker may still have to write the host check.
            if _has_record(directory) if task is None else is_final(directory) and _worker_has_finished(directory):
                self.batch.ended(run.planned)
                return True
        if task is not None:
            run.missing_since_s = None
            return False
        run.missing_since_s = run.missing_since_s or now_s
        if now_s - run.missing_since_s < _SETTLES_S:
            return False
        log = f"logs/{run.listed.job_name}-{run.index}.log"
        began = (self.batch.ledger.output_directory / log).exists()
        self.batch.record_no_result(
            run.planned,
            f"slurm job {run.listed.job_name} [{run.index}] left the queue without a result: it was cancelled or its "
            f"node was lost{f' (see {log})' if began else ' before it started'}. Run the batch again.",
        )
        return True

    def _forget_lists(self) -> None:
        """Remove the lists without queued tasks; if Slurm does not answer, they stay."""
        lists = list(task_lists(self.batch.ledger.output_directory, "slurm"))
        followed = {run.listed.job_name for run in self._following.values()}
        with suppress(EnvironmentNotReadyError):
            queued = {job_name for job_name, _ in queued_tasks([listed.job_name for listed in lists])}
            for listed in lists:
                if listed.job_name not in queued | followed:
                    listed.file.unlink(missing_ok=True)

    def _note_reason(self, task: QueuedTask) -> None:
        """Report once why jobs are waiting, unless it is the normal wait for resources."""
        if task.reason not in ("", "None", "Resources", "Priority", "BeginTime", "Dependency"):
            self._note(f"slurm job {task.job_id} is waiting: {task.reason} (explained in squeue(1))")

    def _note(self, message: str) -> None:
        if message not in self._reasons:
            self._reasons.add(message)
            self.batch.live.note(message)


def _worker_has_finished(directory: RunDirectory) -> bool:
    owner = directory.owner()
    return owner is not None and owner.finished_at is not None


def _has_record(directory: RunDirectory) -> bool:
    """Return whether there is a result or a failure; listing the folder refreshes a shared file system's cache."""
    with suppress(OSError):
        next(directory.path.iterdir(), None)
    return directory.report_file.exists() or directory.failure_file.exists()


def _refuse_another_order(found: ResolvedRun, by_name: Mapping[str, PlannedRun] | None) -> None:
    wanted = None if by_name is None else by_name[found.name]
    if isinstance(wanted, ResolvedRun) and wanted.spec.identity() != found.spec.identity():
        raise UsageError(
            f"{found.label}: already queued or running with other options. Wait for it with its own command, or cancel "
            "it with batch_runner.py cancel."
        )
