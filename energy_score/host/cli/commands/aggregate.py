"""``aggregate``: the results table, rebuilt from the run directories alone."""

from pathlib import Path

import click

from energy_score.host.cli.output_directory import output_dir_option, with_runs
from results_aggregator import ResultsAggregator


@click.command("aggregate")
@output_dir_option
@click.option("--region", metavar="NAME", help="Another grid for the CO2 estimate than the one each run recorded.")
def command(output_dir: Path, region: str | None) -> None:
    """Rebuild master_results.csv from the run directories. Prints its path."""
    click.echo(ResultsAggregator(with_runs(output_dir)).write_master_csv(region))
