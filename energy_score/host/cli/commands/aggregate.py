"""``aggregate``: the results table, rebuilt from the run directories alone."""

from pathlib import Path

import click

from energy_score.host.cli import help_page
from energy_score.host.cli.output_directory import output_dir_argument, with_runs
from results_aggregator import ResultsAggregator


@help_page.command("aggregate", examples=[("my_results", "the batch in ./my_results")])
@output_dir_argument
@click.option(
    "--region",
    metavar="NAME",
    help="Electricity grid for the CO2 estimate.  [default: the grid that each run recorded]",
)
def command(output_dir: Path, region: str | None) -> None:
    """Rebuild master_results.csv from the run directories. Prints its path."""
    click.echo(ResultsAggregator(with_runs(output_dir)).write_master_csv(region))
