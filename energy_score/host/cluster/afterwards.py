"""What ``collect`` and ``cancel`` do with a batch whose program has ended."""

import logging
from pathlib import Path

import click

from debug_logger import configure_console
from energy_score.contract.errors import ExitCode, UsageError
from energy_score.contract.plain_text import counted
from energy_score.contract.run_directory import RunState
from energy_score.host.batch.attempt import end_on_sigterm
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.session import BatchSession
from energy_score.host.cluster.batch import ClusterBatch, open_cluster_batch
from energy_score.host.cluster.slurm import SlurmBatch
from energy_score.host.cluster.slurm_commands import require_slurm
from energy_score.host.cluster.task_list import task_lists


def collect_batch(output_directory: Path, *, wait: bool, as_json: bool) -> ExitCode:
    """Record every run whose job has gone without a result, rebuild the table, and say what is still under way.

    Raises:
        EnvironmentNotReadyError: Slurm has jobs of the batch and cannot be asked.
    """
    configure_console(logging.WARNING)
    end_on_sigterm()
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
    states = [directory.state() for directory in batch.aggregator.directories()]
    counts = {state.value: states.count(state) for state in RunState if state in states}
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no runs"
    batch.live.batch_finished(told + at_slurm)
    if not as_json:
        click.echo(batch.aggregator.master_csv)
    return ExitCode.SOME_RUNS_FAILED if RunState.FAILED in states else ExitCode.OK


def cancel_batch(output_directory: Path, *, as_json: bool) -> None:
    """End what Slurm has of the batch; each run says in its directory that it was cancelled.

    Raises:
        UsageError: the batch is not one of Slurm's.
        EnvironmentNotReadyError: Slurm cannot be asked.
    """
    configure_console(logging.WARNING)
    if not any(task_lists(output_directory, "slurm")):
        raise UsageError(
            f"{output_directory}: nothing of it is known to be queued at slurm; a batch on Ray or on this machine is "
            "ended by Ctrl-C (or SIGTERM) to its program"
        )
    require_slurm()
    batch = open_cluster_batch(output_directory, as_json=as_json)
    with BatchSession((), batch.ledger, batch.live).open():
        slurm = SlurmBatch(batch)
        slurm.take_up()
        count = slurm.cancel()
        batch.publisher.publish()
    batch.live.batch_finished(f"{counted(count, 'run')} cancelled; the batch's command runs them again")


def _count_left_by_ray(batch: ClusterBatch) -> None:
    """Record the runs that a Ray batch had begun when its program ended: Ray ends them with it."""
    for listed in task_lists(batch.ledger.output_directory, "ray"):
        for task in listed.tasks:
            directory = batch.ledger.directory(task.name)
            if directory.state() in (RunState.RUNNING, RunState.LOST) and directory.spec().run_id == task.run_id:
                planned = ResolvedRun(task.name, directory.config(), directory.spec())
                batch.ended_without_result(planned, "its ray batch ended before it; run the batch again")
        listed.file.unlink(missing_ok=True)
