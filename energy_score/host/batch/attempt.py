"""One attempt at a run: executed under its log; however it ends, a record of that is kept."""

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
from energy_score.host.batch.causes import cause_of
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.outcome import explain
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.host.batch.progress import Progress
from energy_score.host.executors.executor import Execution, Executor
from energy_score.host.locks.run_slots import RunSlot

log = logging.getLogger(__name__)

_INTERRUPTED = "stopped by Ctrl-C or SIGTERM; run it again"


@dataclass(frozen=True)
class Attempt:
    """What an attempt needs: where its files lie, where it happens, who is told, and how long it may last.

    ``cluster_job`` names the job of a cluster that this process is, such as ``slurm:123_4``.
    """

    ledger: Ledger
    executor: Executor
    progress: Progress
    timeout_s: float
    cluster_job: str | None = None

    def run(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> ExitCode:
        """The exit code of a program that had only this run, once that has ended as a result or a recorded failure.

        ``gpu_uuids`` are the GPUs leased for it; None leaves the choice among the visible ones to the executor.
        ``number`` counts the attempts at the run in this batch; what an earlier one left is kept aside.

        Raises:
            KeyboardInterrupt: it was stopped by hand; that is recorded too.
        """

        def start_and_execute() -> None:
            self._execute(self.ledger.start(planned), planned, gpu_uuids, number)

        return self._recorded(planned, start_and_execute)

    def execute_planned(self, directory: RunDirectory, *, gpu_uuids: tuple[str, ...] | None = None) -> ExitCode:
        """As ``run``, for a directory of the ledger that holds the order already, written by another process.

        A run that is done or failed stays as it is: a model's own failure is a result. One whose owner is gone is
        carried out again, and so is one that this same ``cluster_job`` began before it was queued again.

        Raises:
            RecordError: there is no readable order.
            EnvironmentNotReadyError: another process carries it out.
            KeyboardInterrupt: it was stopped by hand; that is recorded too.
        """
        planned = ResolvedRun(directory.path.name, directory.config(), directory.spec())
        state = directory.state()
        if state in (RunState.DONE, RunState.FAILED):
            return self._exit_code(planned)
        owner = directory.owner()
        queued_again = owner is not None and self.cluster_job is not None and owner.cluster_job == self.cluster_job
        if state is RunState.RUNNING and owner is not None and not queued_again:
            raise EnvironmentNotReadyError(
                f"{directory.path}: the run is under way since {owner.started_at:%Y-%m-%d %H:%M:%S %Z}: {owner.process}"
                f"{f', {owner.cluster_job}' if owner.cluster_job else ''}"
            )
        number = 1 if owner is None else owner.attempt + 1
        return self._recorded(planned, partial(self._execute, directory, planned, gpu_uuids, number))

    def keep(self, planned: PlannedRun, record: Callable[[], None]) -> None:
        """Write a record, on a full disk from the reserve; where even that is not enough, say so and go on."""
        try:
            self.ledger.with_reserve(record)
        except OSError as error:
            self.progress.note(f"{planned.label}: how it ended could not be recorded: {error.strerror}")

    def _recorded(self, planned: ResolvedRun, execute: Callable[[], None]) -> ExitCode:
        try:
            execute()
        except KeyboardInterrupt:
            # Within the grace it may have ended, or have said itself that it was interrupted.
            if self.ledger.directory(planned.name).state() not in (RunState.DONE, RunState.FAILED):
                self._keep_failure(planned, stage="interrupted", message=_INTERRUPTED, cause="interrupted")
            raise
        except (EnergyScoreError, OSError) as error:
            self._keep_failure(planned, stage="start", message=str(error))
            return error.exit_code if isinstance(error, EnergyScoreError) else ExitCode.ENVIRONMENT
        except Exception as error:  # the one blind catch of the batch: the other rows go on
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
        """Why there is no result: the engine's own words where it could say them, and was not stopped from outside."""
        recorded = directory.failure() if directory.state() is RunState.FAILED else None
        cause = cause_of(execution, recorded)
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
        """What the files say: a result, a failure of the run, or an environment that lacks something."""
        if self.ledger.is_done(planned.name, planned.spec):
            return ExitCode.OK
        with suppress(RecordError):
            if self.ledger.directory(planned.name).failure().exit_code == ExitCode.ENVIRONMENT:
                return ExitCode.ENVIRONMENT
        return ExitCode.SOME_RUNS_FAILED

    def _keep_failure(self, planned: ResolvedRun, **failure: Any) -> None:  # noqa: ANN401 - as record_failure takes them
        self.keep(planned, partial(self.ledger.record_failure, planned, **failure))


def end_on_sigterm() -> None:
    """From now on SIGTERM ends the program as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
