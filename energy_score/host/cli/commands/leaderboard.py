"""``leaderboard``: the results as a static site."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from energy_score.host.cli.options import against_option, results_option
from energy_score.reports.results import read_results

if TYPE_CHECKING:
    from energy_score.reports.leaderboard.site import Prior


@click.command("leaderboard")
@results_option
@against_option
@click.option("--site", type=click.Path(path_type=Path), default="./site", show_default=True, metavar="DIR",
              help="Where the site lies: a link to its newest version.")  # fmt: skip
def command(results: Path, against: str, site: Path) -> None:
    """A page with all runs, one for each model, and the data as CSV, JSON and Parquet. Prints the page's path.

    It opens from the disk and from any static host. Earlier versions stay reachable from it.
    """
    from energy_score.reports.leaderboard.build import rated_runs
    from energy_score.reports.leaderboard.site import write_site
    from energy_score.reports.leaderboard.versions import publish

    runs = rated_runs(read_results(results), against=against)

    def write(folder: Path, priors: "Sequence[Prior]") -> None:
        write_site(folder, runs, priors=priors)

    publish(site, write)
    click.echo(site / "index.html")
