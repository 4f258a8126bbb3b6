"""``collect`` and ``cancel``: what is left to do of a batch on a cluster when its program has ended."""

from pathlib import Path

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli.output_directory import output_dir_option, with_runs
from energy_score.host.cluster.afterwards import cancel_batch, collect_batch

_as_json = click.option("--json", "as_json", is_flag=True, help="Events and results as JSON lines on standard output.")


@click.command("collect")
@output_dir_option
@click.option("--wait", is_flag=True, help="Return when nothing of the batch is queued or running any more.")
@_as_json
@click.pass_context
def collect(context: click.Context, *, output_dir: Path, wait: bool, as_json: bool) -> None:
    """Take in what a batch on a cluster has done, and rebuild master_results.csv.

    A run whose job has left the queue without a result is recorded as failed; the batch's command runs it again. Prints
    the table's path. Ends with 1 where a run failed, else with 0, also while runs are under way.
    """
    context.exit(collect_batch(with_runs(output_dir), wait=wait, as_json=as_json))


@click.command("cancel")
@output_dir_option
@_as_json
@click.pass_context
def cancel(context: click.Context, *, output_dir: Path, as_json: bool) -> None:
    """End a batch on Slurm: what is queued never begins, what runs is stopped. Says how many runs that were."""
    cancel_batch(with_runs(output_dir), as_json=as_json)
    context.exit(ExitCode.OK)
