"""The commands ``collect`` and ``cancel``, for a batch whose program has ended."""

import logging
from collections.abc import Sequence
from pathlib import Path

import click

from debug_logger import configure_console
from energy_score.contract.errors import ExitCode, UsageError
from energy_score.contract.plain_text import counted
from energy_score.contract.run_directory import RunState
from energy_score.host.batch.attempt import end_on_sigterm
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import open_progress
from energy_score.host.batch.session import BatchSession
from energy_score.host.cluster.batch import ClusterBatch, open_cluster_batch
from energy_score.host.cluster.slurm import SlurmBatch
from energy_score.host.cluster.slurm_commands import require_slurm
from energy_score.host.cluster.task_list import task_lists
from results_aggregator import ResultsAggregator


def collect_batch(output_directory: Path, *, wait: bool, as_json: bool) -> ExitCode:
    """Record every run whose job is gone without a result, rebuild the table, and report how many runs are left.

    Raises:
        EnvironmentNotReadyError: Slurm has jobs of the batch and does not answer.
    """
    configure_console(logging.WARNING)
    end_on_sigterm()
    if not any(task_lists(output_directory, "slurm")) and not any(task_lists(output_directory, "ray")):
        return _collect_nothing(output_directory, as_json=as_json)
    batch = open_cluster_batch(output_directory, as_json=as_json)
    at_slurm = ""
    with BatchSession((), batch.ledger, batch.live).open():
        _count_left_by_ray(batch)
        if any(task_lists(output_directory, "slurm")):
            require_slurm()
            slurm = SlurmBatch(batch)
            slurm.take_up()
            slurm.follow() if wait else slurm.settle()
            at_slurm = f"; {slurm.under_way_count} still queued or running at slurm"
        batch.publisher.publish()
    states = _states(batch.aggregator)
    batch.live.batch_finished(_counted(states) + at_slurm)
    if not as_json:
        click.echo(batch.aggregator.master_csv)
    return _exit_code(states)


def _collect_nothing(output_directory: Path, *, as_json: bool) -> ExitCode:
    """Rebuild the table of a batch that has no jobs left; what it last reported of itself stays as it is."""
    aggregator = ResultsAggregator(output_directory)
    table, states = aggregator.write_master_csv(), _states(aggregator)
    open_progress(as_json=as_json).batch_finished(
        f"{_counted(states)}; nothing to collect: no jobs of this batch are left on a cluster"
    )
    if not as_json:
        click.echo(table)
    return _exit_code(states)


def _counted(states: Sequence[RunState]) -> str:
    counts = {state.value: states.count(state) for state in RunState if state in states}
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no runs"


def _states(aggregator: ResultsAggregator) -> list[RunState]:
    return [directory.state() for directory in aggregator.directories()]


def _exit_code(states: Sequence[RunState]) -> ExitCode:
    return ExitCode.SOME_RUNS_FAILED if RunState.FAILED in states else ExitCode.OK


def cancel_batch(output_directory: Path, *, as_json: bool) -> None:
    """Cancel the batch's jobs at Slurm; each run directory records the cancellation.

    Raises:
        UsageError: The batch was not submitted to Slurm.
        EnvironmentNotReadyError: Slurm does not answer.
    """
    configure_console(logging.WARNING)
    if not any(task_lists(output_directory, "slurm")):
        raise UsageError(
            f"{output_directory}: no Slurm jobs found for this batch. To end a batch on Ray or on this machine, "
            "press Ctrl-C in its program (or send it SIGTERM)."
        )
    require_slurm()
    batch = open_cluster_batch(output_directory, as_json=as_json)
    with BatchSession((), batch.ledger, batch.live).open():
        slurm = SlurmBatch(batch)
        slurm.take_up()
        count = slurm.cancel()
        batch.publisher.publish()
    batch.live.batch_finished(f"{counted(count, 'run')} cancelled. Run the batch again to repeat them.")


def _count_left_by_ray(batch: ClusterBatch) -> None:
    """Record the runs that a Ray batch had started when its program ended: Ray ends them with it."""
    for listed in task_lists(batch.ledger.output_directory, "ray"):
        for task in listed.tasks:
            directory = batch.ledger.directory(task.name)
            if directory.state() in (RunState.RUNNING, RunState.LOST) and directory.spec().run_id == task.run_id:
                planned = ResolvedRun(task.name, directory.config(), directory.spec())
                batch.record_no_result(planned, "its Ray batch ended first. Run the batch again.")
        listed.file.unlink(missing_ok=True)
