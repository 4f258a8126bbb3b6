"""One run with its files directly in the results directory: move older files aside, execute, and show the result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from energy_score.contract.errors import EnvironmentNotReadyError, ExitCode
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.options import ExecutorOptions
from energy_score.host.batch.plan import PlannedRun, RefusedRun, ResolvedRun
from energy_score.host.batch.progress import Progress
from energy_score.host.batch.session import BatchSession, open_ready_executor
from energy_score.host.batch.summary import how_measured
from energy_score.host.locks.gpu_leases import open_gpu_leases, wait_for_lease
from energy_score.host.locks.gpu_need import count_needed_gpus
from energy_score.host.preflight.files import token_checks
from energy_score.host.preflight.models.surroundings import surroundings_here, visible_gpus
from energy_score.host.run_specs.placement import Placement
from energy_score.host.single_run.gpus import show_gpus
from energy_score.host.single_run.ledger import SingleRunLedger
from energy_score.host.single_run.order import SingleOrder
from energy_score.reports.results_table.result_row import ResultRow
from parameter_handler import ParameterHandler
from results_aggregator import ResultsAggregator


@dataclass(frozen=True)
class SingleRun:
    """One model as requested with key=value; ``run_id`` identifies the run, ``name`` its directory in a batch."""

    order: SingleOrder
    handler: ParameterHandler
    name: str
    run_id: str

    def resolve(self, placement: Placement | None = None) -> ResolvedRun:
        """Return the run with its spec; without ``placement`` only for display.

        Raises:
            RowRefusedError: The request cannot be run.
        """
        spec = self.handler.resolve(self.order.config, run_id=self.run_id, placement=placement)
        return ResolvedRun(self.name, self.order.config, spec)


def run(
    asked: SingleRun,
    *,
    results: Path,
    executor_options: ExecutorOptions,
    preflight: bool,
    progress: Progress,
    show_row: Callable[[ResultRow], None],
) -> ExitCode:
    """Execute one run and return its exit code; its files, or the record of its failure, are in ``results``.

    ``show_row`` is called with the run's row of the results table.

    Raises:
        RowRefusedError: The request cannot be run anywhere; nothing has been changed.
        EnvironmentNotReadyError: It could not be started; files of an earlier run do not hide this.
    """
    planned = asked.resolve()
    session = BatchSession([planned], SingleRunLedger(results), progress)
    with session.open():
        _set_aside(session.ledger, asked.name)
        _warn_about_missing_token(asked.order)
        show_gpus(asked.order)
        executor = open_ready_executor(executor_options, backend=planned.spec.backend)
        planned = asked.resolve(Placement(executor.image))
        session.plan = [planned]
        attempt = Attempt(
            ledger=session.ledger, executor=executor, progress=progress, timeout_s=executor_options.timeout_s
        )
        if preflight:
            session.check_models(
                is_pending=lambda _: True,
                here=surroundings_here(executor=executor.name, gpus=visible_gpus()),
                sheet_name="",
            )
            for note in session.notes:
                progress.note(note)
            (checked,) = session.plan
            if isinstance(checked, RefusedRun):
                return _refused(attempt, checked, show_row)
        with _hold_leases(planned.spec, executor_options.gpu_wait_s) as gpu_uuids:
            return _execute_attempt(attempt, planned, gpu_uuids, show_row)


@contextmanager
def _hold_leases(spec: RunSpec, gpu_wait_s: float) -> Iterator[tuple[str, ...] | None]:
    """Yield the run's leased GPUs while the context is open; None if it needs none, or there are none."""
    with open_gpu_leases(None) or nullcontext() as leases:
        count = 0 if leases is None else count_needed_gpus(spec, leases.gpus)
        if leases is None or count == 0:
            yield () if spec.gpu_requirement.count == 0 else None
            return
        lease = wait_for_lease(
            leases, count, among=spec.meter_gpus, foreign_wait_s=gpu_wait_s, note=partial(click.echo, err=True)
        )
        try:
            yield lease.uuids
        finally:
            lease.release()


def _refused(attempt: Attempt, planned: RefusedRun, show_row: Callable[[ResultRow], None]) -> ExitCode:
    """Record the refusal as the run's result, and show it."""
    attempt.keep(planned, partial(attempt.ledger.record_refusal, planned))
    attempt.progress.batch_started(run_count=1, headline=planned.label)
    return _shown(attempt, planned, outcome="refused", code=ExitCode.SOME_RUNS_FAILED, show_row=show_row)


def _execute_attempt(
    attempt: Attempt,
    planned: ResolvedRun,
    gpu_uuids: tuple[str, ...] | None,
    show_row: Callable[[ResultRow], None],
) -> ExitCode:
    progress = attempt.progress
    progress.batch_started(run_count=1, headline=f"{planned.label}: {how_measured(planned.spec)}")
    for note in planned.spec.notes:
        progress.note(note)
    progress.run_started(planned, gpu_uuids=gpu_uuids)
    try:
        code = attempt.run(planned, gpu_uuids=gpu_uuids)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    outcome = "done" if code is ExitCode.OK else "failed"
    return _shown(attempt, planned, outcome=outcome, code=code, show_row=show_row)


def _shown(
    attempt: Attempt, planned: PlannedRun, *, outcome: str, code: ExitCode, show_row: Callable[[ResultRow], None]
) -> ExitCode:
    ledger, progress = attempt.ledger, attempt.progress
    row = ResultsAggregator(ledger.output_directory).row_of(ledger.directory(planned.name).path)
    progress.run_finished(planned, outcome=outcome, row=row, detail=row.error_message or "")
    progress.batch_finished(f"results: {ledger.output_directory}")
    show_row(row)
    return code


def _set_aside(ledger: Ledger, name: str) -> None:
    try:
        ledger.set_aside(name)
    except OSError as error:
        raise EnvironmentNotReadyError(
            f"{ledger.output_directory}: the files of an earlier run cannot be moved to aside/: {error}. Choose "
            f"another {ledger.option}."
        ) from error


def _warn_about_missing_token(order: SingleOrder) -> None:
    """Warn if a model comes from the Hub and no login is set: gated models would be refused."""
    if order.config.is_local:
        return
    for check in token_checks():
        if check.status != "ok":
            click.echo(f"warning: no Hub login found: {check.remedy}", err=True)
