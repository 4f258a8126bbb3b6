"""``refresh``: the nightly command: run what is new, rate everything, and bring the site up to date."""

from pathlib import Path
from typing import Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli.options import (
    against_option,
    batch_executor_options,
    batch_options,
    dry_run_option,
    run_options,
    selection_options,
)
from energy_score.host.cli.parameters import batch_options_from
from energy_score.host.cli.plan_table import show_plan
from energy_score.host.cli.run_batch import run_batch


@click.command("refresh")
@selection_options
@run_options
@batch_executor_options
@batch_options
@dry_run_option
@click.option(
    "--site",
    type=click.Path(path_type=Path),
    default="./site",
    show_default=True,
    metavar="DIR",
    help="Where the site lies: a link to its newest version.",
)
@against_option
@click.option("--allow-failed", is_flag=True, help="Publish although rows failed or were refused; they say so there.")
@click.option("--push-dataset", metavar="ID", help="Upload the data to this data set of the Hub.")
@click.option("--push-space", metavar="ID", help="Upload the site to this static Space of the Hub.")
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
    **parameters: Any,  # noqa: ANN401
) -> None:
    """Run what is new or changed, rebuild the table, rate it, and publish the site if anything is different.

    The site switches from the old version to the new one in one step. If a run fails it stays as it is, and the exit
    code says so.

    Exit codes: 0 the site is up to date, 1 some runs failed, 3 environment, 130 interrupted.
    """
    from energy_score.reports.leaderboard.push import push
    from energy_score.reports.leaderboard.update import update_site
    from energy_score.reports.leaderboard.versions import require_place
    from energy_score.reports.ratings.choice import rated

    options = batch_options_from(parameters)
    if dry_run:
        show_plan(options.selection, options.run, as_json=False)
        return
    # What is wrong with the site is told before the night, and not after it.
    rated((), against=against)
    require_place(site)
    code = run_batch(options)
    if code is not ExitCode.OK and not (allow_failed and code is ExitCode.SOME_RUNS_FAILED):
        click.echo(f"{site}: left as it is: not every run is done (--allow-failed publishes all the same)", err=True)
        context.exit(code)
    update = update_site(site, options.output_directory, against=against)
    if update.version is None:
        click.echo(f"{site}: nothing has changed since {site.resolve().name}")
    else:
        click.echo(f"{site / 'index.html'}: version {update.version.name}, {len(update.changes)} lines changed")
    repositories = {kind: name for kind, name in (("dataset", push_dataset), ("space", push_space)) if name}
    if repositories:
        for target in push(site, repositories) or ["nothing, it has this version"]:
            click.echo(f"pushed: {target}")
