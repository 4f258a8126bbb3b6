"""``leaderboard``: the results as a static site."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from energy_score.host.cli import help_page
from energy_score.host.cli.options import against_option, results_option, site_option
from energy_score.reports.results import read_results

if TYPE_CHECKING:
    from energy_score.reports.leaderboard.site import Prior


@help_page.command("leaderboard", examples=[("--site ./board", "open ./board/index.html afterwards")])
@results_option
@against_option
@site_option
def command(results: Path, against: str, site: Path) -> None:
    """Build a static website of the results: one page with all runs, one per model, and the data for download.

    It opens from disk and from any web server, and links to its earlier versions. Prints the path of the page.
    """
    from energy_score.reports.leaderboard.build import rate_runs
    from energy_score.reports.leaderboard.site import write_site
    from energy_score.reports.leaderboard.versions import publish

    runs = rate_runs(read_results(results), against=against)

    def write(folder: Path, priors: "Sequence[Prior]") -> None:
        write_site(folder, runs, priors=priors)

    publish(site, write)
    click.echo(site / "index.html")
