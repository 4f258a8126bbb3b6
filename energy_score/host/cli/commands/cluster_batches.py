"""``collect`` and ``cancel``: what is left to do for a batch on a cluster when its program has ended."""

from pathlib import Path

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli import help_page
from energy_score.host.cli.options import events_option
from energy_score.host.cli.output_directory import output_dir_argument, with_runs
from energy_score.host.cluster.afterwards import cancel_batch, collect_batch


@help_page.command("collect", examples=[("my_results --wait", "return when the whole batch is done")])
@output_dir_argument
@click.option("--wait", is_flag=True, help="Wait until no run of the batch is queued or running.")
@events_option
@click.pass_context
def collect(context: click.Context, *, output_dir: Path, wait: bool, as_json: bool) -> None:
    """Collect the results of a batch on a cluster after its program ended, and rebuild master_results.csv.

    A run whose job left the queue without a result is recorded as failed; the batch's command runs it again. Prints the
    path of the table.

    Exit codes: 0 no run failed so far, 1 at least one failed.
    """
    context.exit(collect_batch(with_runs(output_dir), wait=wait, as_json=as_json))


@help_page.command("cancel")
@output_dir_argument
@events_option
@click.pass_context
def cancel(context: click.Context, *, output_dir: Path, as_json: bool) -> None:
    """Cancel a batch on Slurm, queued and running runs alike, and print how many runs that were."""
    cancel_batch(with_runs(output_dir), as_json=as_json)
    context.exit(ExitCode.OK)
