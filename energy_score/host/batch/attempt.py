"""One attempt at a run: execute it with its log, and always keep a record of how it ended."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import Any

from debug_logger import RunLog
from energy_score.contract.errors import EnergyScoreError, EnvironmentNotReadyError, ExitCode, RecordError
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_owner import RunOwner
from energy_score.host.batch.causes import find_cause
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.outcome import explain
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.host.batch.progress import Progress
from energy_score.host.executors.executor import Execution, Executor
from energy_score.host.locks.run_slots import RunSlot

log = logging.getLogger(__name__)

_INTERRUPTED = "stopped by Ctrl-C or SIGTERM. Run it again."


@dataclass(frozen=True)
class Attempt:
    """What an attempt needs: where its files are stored, where it runs, the progress view, and the timeout.

    ``cluster_job`` is the name of the cluster job that this process belongs to, such as ``slurm:123_4``.
    """

    ledger: Ledger
    executor: Executor
    progress: Progress
    timeout_s: float
    cluster_job: str | None = None

    def run(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> ExitCode:
        """Execute the run and return the exit code of a program with only this run; a failure is recorded.

        ``gpu_uuids`` are the GPUs leased for it; None lets the executor choose from the visible ones.
        ``number`` counts the attempts at the run in this batch; files of an earlier attempt are moved to ``aside/``.

        Raises:
            KeyboardInterrupt: It was stopped by the user; that is recorded too.
        """

        def start_and_execute() -> None:
            self._execute(self.ledger.start(planned), planned, gpu_uuids, number)

        return self._execute_and_record(planned, start_and_execute)

    def execute_planned(self, directory: RunDirectory, *, gpu_uuids: tuple[str, ...] | None = None) -> ExitCode:
        """Execute the run spec that another process has written to ``directory``, as in ``run``.

        A run that is done or failed is not repeated: a model's own failure is a result. A run is repeated if its owner
        is gone, or if the same ``cluster_job`` had started it before it was queued again.

        Raises:
            RecordError: The run spec cannot be read.
            EnvironmentNotReadyError: Another process is running it.
            KeyboardInterrupt: It was stopped by the user; that is recorded too.
        """
        planned = ResolvedRun(directory.path.name, directory.config(), directory.spec())
        state = directory.state()
        if state in (RunState.DONE, RunState.FAILED):
            return self._exit_code(planned)
        owner = directory.owner()
        queued_again = owner is not None and self.cluster_job is not None and owner.cluster_job == self.cluster_job
        if state is RunState.RUNNING and owner is not None and not queued_again:
            raise EnvironmentNotReadyError(
                f"{directory.path}: already running since {owner.started_at:%Y-%m-%d %H:%M:%S %Z}: {owner.process}"
                f"{f', {owner.cluster_job}' if owner.cluster_job else ''}"
            )
        number = 1 if owner is None else owner.attempt + 1
        return self._execute_and_record(planned, partial(self._execute, directory, planned, gpu_uuids, number))

    def keep(self, planned: PlannedRun, record: Callable[[], None]) -> None:
        """Write a record, using the reserve if the disk is full; if that is not enough, report it and continue."""
        try:
            self.ledger.with_reserve(record)
        except OSError as error:
            self.progress.note(f"{planned.label}: could not record how it ended: {error.strerror}")

    def _execute_and_record(self, planned: ResolvedRun, execute: Callable[[], None]) -> ExitCode:
        try:
            execute()
        except KeyboardInterrupt:
            # During the grace period it may have finished, or recorded the interruption itself.
            if self.ledger.directory(planned.name).state() not in (RunState.DONE, RunState.FAILED):
                self._keep_failure(planned, stage="interrupted", message=_INTERRUPTED, cause="interrupted")
            raise
        except (EnergyScoreError, OSError) as error:
            self._keep_failure(planned, stage="start", message=str(error))
            return error.exit_code if isinstance(error, EnergyScoreError) else ExitCode.ENVIRONMENT
        except Exception as error:  # the only blind catch of the batch, so that the other rows continue
            log.exception("unexpected error: run_id=%s", planned.spec.run_id)
            self._keep_failure(planned, stage="unknown", message=f"{type(error).__name__}: {error}")
            return ExitCode.SOME_RUNS_FAILED
        return self._exit_code(planned)

    def _execute(
        self,
        directory: RunDirectory,
        planned: ResolvedRun,
        gpu_uuids: tuple[str, ...] | None,
        number: int,
    ) -> None:
        owner = RunOwner.this_process(
            planned.spec.run_id,
            executor=self.executor.name,
            cluster_job=self.cluster_job,
            gpu_uuids=gpu_uuids,
            attempt=number,
        )
        owner.write(directory.owner_file)
        slot = RunSlot()
        try:
            with slot:
                self._follow(directory, planned, owner)
        finally:
            left = owner.model_copy(update={"finished_at": datetime.now(UTC), "concurrent_runs": slot.most})
            self.keep(planned, partial(left.write, directory.owner_file))

    def _follow(self, directory: RunDirectory, planned: ResolvedRun, owner: RunOwner) -> None:
        spec = planned.spec
        with RunLog(self.ledger.output_directory, spec.run_id) as run_log:
            run_log.line(f"run_id={spec.run_id} spec={spec.identity()} attempt={owner.attempt}")
            if owner.gpu_uuids:
                run_log.line(f"leased: gpus={','.join(owner.gpu_uuids)}")
            for note in spec.notes:
                run_log.line(f"note: {note}")
            execution = self.executor.execute(
                directory,
                spec=spec,
                on_event=partial(self.progress.engine_event, planned),
                on_log_line=run_log.line,
                gpu_uuids=owner.gpu_uuids,
            )
            if directory.state() is not RunState.DONE:
                self._record_end(directory, planned, execution, run_log)

    def _record_end(self, directory: RunDirectory, planned: ResolvedRun, execution: Execution, run_log: RunLog) -> None:
        """Record why the run has no result; use the engine's own failure record unless it was stopped from outside."""
        recorded = directory.failure() if directory.state() is RunState.FAILED else None
        cause = find_cause(execution, recorded)
        if execution.interrupted:
            self._keep_failure(planned, stage="interrupted", message=_INTERRUPTED, cause=cause)
        elif recorded is None or execution.timed_out or execution.engine_lost:
            tail = "\n".join(run_log.tail)
            message = explain(execution, timeout_s=self.timeout_s, log_tail=tail)
            code = execution.exit_code
            self._keep_failure(planned, stage="unknown", message=message, exit_code=code, log_tail=tail, cause=cause)
        elif cause != recorded.cause:
            told = recorded.model_copy(update={"cause": cause})
            self.keep(planned, partial(told.write, directory.failure_file))

    def _exit_code(self, planned: ResolvedRun) -> ExitCode:
        """Return the exit code according to the files: a result, a failure of the run, or an environment problem."""
        if self.ledger.is_done(planned.name, planned.spec):
            return ExitCode.OK
        with suppress(RecordError):
            if self.ledger.directory(planned.name).failure().exit_code == ExitCode.ENVIRONMENT:
                return ExitCode.ENVIRONMENT
        return ExitCode.SOME_RUNS_FAILED

    def _keep_failure(self, planned: ResolvedRun, **failure: Any) -> None:  # noqa: ANN401 - as record_failure takes them
        self.keep(planned, partial(self.ledger.record_failure, planned, **failure))


def end_on_sigterm() -> None:
    """Make SIGTERM end the program like Ctrl-C."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
