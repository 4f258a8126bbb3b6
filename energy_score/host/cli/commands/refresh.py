"""``refresh``: the nightly command: run what is new, rate everything, and bring the site up to date."""

from pathlib import Path
from typing import Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli import help_page
from energy_score.host.cli.options import (
    against_option,
    batch_executor_options,
    batch_options,
    dry_run_option,
    run_options,
    selection_options,
    site_option,
)
from energy_score.host.cli.parameters import batch_options_from
from energy_score.host.cli.plan_table import show_plan
from energy_score.host.cli.run_batch import run_batch


@help_page.command(
    "refresh",
    examples=[
        ("--site ./board", "run what is new, rate, publish"),
        ("--site ./board --class A --allow-failed", "publish even if rows failed"),
    ],
)
@selection_options
@run_options
@batch_executor_options
@batch_options
@dry_run_option
@site_option
@against_option
@click.option("--allow-failed", is_flag=True, help="Publish even if rows failed or were refused.")
@click.option("--push-dataset", metavar="ID", help="Upload the data to this dataset on the Hub.")
@click.option("--push-space", metavar="ID", help="Upload the site to this static Space on the Hub.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    site: Path,
    against: str,
    allow_failed: bool,
    push_dataset: str | None,
    push_space: str | None,
    dry_run: bool,
    **parameters: Any,
) -> None:
    """Run what is new or changed, rate all results, and publish the site if anything changed.

    The site switches to the new version in one step. If a run fails, the site stays as it is.

    Exit codes: 0 the site is up to date, 1 some runs failed, 3 environment, 130 interrupted.
    """
    from energy_score.reports.leaderboard.push import push
    from energy_score.reports.leaderboard.update import update_site
    from energy_score.reports.leaderboard.versions import require_place
    from energy_score.reports.ratings.choice import rated

    options = batch_options_from(parameters)
    if dry_run:
        show_plan(options.selection, options.run, form="table")
        return
    # A fault of the site is reported before the night, not after it.
    rated((), against=against)
    require_place(site)
    code = run_batch(options)
    if code is not ExitCode.OK and not (allow_failed and code is ExitCode.SOME_RUNS_FAILED):
        click.echo(
            f"{site} was not updated: not all runs are done. See the summary, or publish anyway with --allow-failed.",
            err=True,
        )
        context.exit(code)
    update = update_site(site, options.output_directory, against=against)
    if update.version is None:
        click.echo(f"{site} is up to date: nothing changed since {site.resolve().name}")
    else:
        click.echo(f"{site / 'index.html'}: version {update.version.name}, {len(update.changes)} lines changed")
    repositories = {kind: name for kind, name in (("dataset", push_dataset), ("space", push_space)) if name}
    if repositories:
        for target in push(site, repositories) or ["nothing, it has this version"]:
            click.echo(f"pushed: {target}")
