"""A batch on this machine: plan it, check it, and run it on the free GPUs."""

from contextlib import nullcontext

from energy_score.contract.errors import ExitCode, UsageError
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.live_status import LiveStatus
from energy_score.host.batch.loop import Batch
from energy_score.host.batch.options import BatchOptions
from energy_score.host.batch.plan import select_rows
from energy_score.host.batch.progress import open_progress
from energy_score.host.batch.session import BatchEnd, BatchSession, open_ready_executor
from energy_score.host.executors.executor import Executor
from energy_score.host.locks.gpu_leases import open_gpu_leases
from energy_score.host.preflight.models.surroundings import surroundings_here
from energy_score.host.run_specs.placement import Placement
from results_aggregator import ResultsAggregator


def run_here(options: BatchOptions) -> BatchEnd:
    """Run one batch on this machine.

    Raises:
        EnergyScoreError: Nothing could be started; the error has the exit code.
    """
    selected = select_rows(options.selection, options.run)
    _require_a_server_for_each(options)
    executor = open_ready_executor(options.executor, backend=options.run.backend)
    plan = selected.resolve(Placement(executor.image))
    live = LiveStatus(open_progress(as_json=options.as_json), options.output_directory, jobs=options.jobs)
    session = BatchSession(plan, Ledger(options.output_directory), live)
    with session.open():
        return _run_opened(session, live, executor, options)


def _run_opened(session: BatchSession, live: LiveStatus, executor: Executor, options: BatchOptions) -> BatchEnd:
    aggregator = ResultsAggregator(options.output_directory)
    attempt = Attempt(ledger=session.ledger, executor=executor, progress=live, timeout_s=options.executor.timeout_s)
    chooser = session.choose(options)
    choices = {
        planned.name: chooser.of(planned) for planned in session.plan
    }  # once, because each reads a run's records
    with open_gpu_leases(options.gpus) or nullcontext() as leases:
        if options.preflight:
            session.check_models(
                is_pending=lambda planned: choices[planned.name].outcome is None,
                here=surroundings_here(executor=executor.name, gpus=leases.gpus if leases else ()),
                sheet_name=options.selection.csv.name,
            )
        batch = Batch(
            plan=session.plan,
            attempt=attempt,
            aggregator=aggregator,
            live=live,
            choices=choices,
            leases=leases,
            jobs=options.jobs,
            retries=options.retries,
            fail_fast=options.fail_fast,
            gpu_wait_s=options.executor.gpu_wait_s,
        )
        session.announce()
        try:
            exit_code = batch.run()
        except KeyboardInterrupt:
            exit_code = ExitCode.INTERRUPTED
    return session.finish(exit_code, batch.counts, aggregator)


def _require_a_server_for_each(options: BatchOptions) -> None:
    """Return if several runs can be executed at the same time.

    Raises:
        UsageError: They would share one server, whose GPUs would be counted for each of them.
    """
    if options.jobs > 1 and options.run.backend == "vllm" and not options.run.managed:
        raise UsageError(
            f"--jobs {options.jobs}: all runs would share the server at --endpoint, and each would "
            "include the energy of the others. Use --jobs 1, or --managed for a server per run."
        )
