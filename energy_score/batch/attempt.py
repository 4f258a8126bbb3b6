"""One attempt at a planned run: executed under its log; however it ends, a record of that is kept."""

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

from debug_logger import RunLog
from energy_score.batch.ledger import Ledger
from energy_score.batch.outcome import explain
from energy_score.batch.plan import PlannedRun
from energy_score.batch.progress import Progress
from energy_score.contract.errors import EnergyScoreError, ExitCode, RecordError
from energy_score.contract.run_directory import RunState
from energy_score.contract.run_spec import RunSpec
from energy_score.executors.executor import Executor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """What an attempt needs: where its files lie, where it happens, who is told, and how long it may last."""

    ledger: Ledger
    executor: Executor
    progress: Progress
    timeout_s: float

    def run(self, planned: PlannedRun, spec: RunSpec) -> ExitCode:
        """The exit code of a program that had only this run, once that has ended as a result or a recorded failure.

        Raises:
            KeyboardInterrupt: it was stopped by hand; that is recorded too.
        """
        try:
            self._execute(planned, spec)
        except (EnergyScoreError, OSError) as error:
            self._keep_failure(planned, stage="start", message=str(error))
            return error.exit_code if isinstance(error, EnergyScoreError) else ExitCode.ENVIRONMENT
        except Exception as error:  # the one blind catch of the batch: the other rows go on
            log.exception("unexpected error: run_id=%s", spec.run_id)
            self._keep_failure(planned, stage="unknown", message=f"{type(error).__name__}: {error}")
            return ExitCode.SOME_RUNS_FAILED
        return self._exit_code(planned, spec)

    def keep(self, planned: PlannedRun, record: Callable[[], None]) -> None:
        """Write a record, on a full disk from the reserve; where even that is not enough, say so and go on."""
        try:
            self.ledger.with_reserve(record)
        except OSError as error:
            self.progress.note(f"{planned.label}: how it ended could not be recorded: {error.strerror}")

    def _execute(self, planned: PlannedRun, spec: RunSpec) -> None:
        directory = self.ledger.start(planned, spec)
        with RunLog(self.ledger.output_directory, spec.run_id) as run_log:
            run_log.line(f"run_id={spec.run_id} spec={spec.identity()}")
            for note in spec.notes:
                run_log.line(f"note: {note}")
            try:
                execution = self.executor.execute(
                    directory, spec=spec, on_event=self.progress.engine_event, on_log_line=run_log.line
                )
            except KeyboardInterrupt:
                self._keep_failure(planned, stage="interrupted", message="stopped by Ctrl-C or SIGTERM; run it again")
                raise
            state = directory.state()
            # A run that was stopped from outside says only that it was stopped.
            stopped = execution.timed_out or execution.engine_lost
            if state is RunState.STARTED or (stopped and state is RunState.FAILED):
                tail = "\n".join(run_log.tail)
                message = explain(execution, timeout_s=self.timeout_s, log_tail=tail)
                self._keep_failure(
                    planned, stage="unknown", message=message, exit_code=execution.exit_code, log_tail=tail
                )

    def _exit_code(self, planned: PlannedRun, spec: RunSpec) -> ExitCode:
        """What the files say: a result, a failure of the run, or an environment that lacks something."""
        if self.ledger.is_done(planned.name, spec):
            return ExitCode.OK
        with suppress(RecordError):
            if self.ledger.directory(planned.name).failure().exit_code == ExitCode.ENVIRONMENT:
                return ExitCode.ENVIRONMENT
        return ExitCode.SOME_RUNS_FAILED

    def _keep_failure(self, planned: PlannedRun, **failure: Any) -> None:  # noqa: ANN401 - as record_failure takes them
        self.keep(planned, partial(self.ledger.record_failure, planned, **failure))


def end_on_sigterm() -> None:
    """From now on SIGTERM ends the program as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
