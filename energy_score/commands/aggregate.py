"""``aggregate``: the results table, rebuilt from the run directories alone."""

from pathlib import Path

import click

from energy_score.contract.errors import UsageError


@click.command("aggregate")
@click.option("--output-dir", type=click.Path(path_type=Path, file_okay=False), default="./batch_results",
              show_default=True, metavar="DIR", help="The output directory of the batch.")  # fmt: skip
@click.option("--region", metavar="NAME", help="Another grid for the CO2 estimate than the one each run recorded.")
def command(output_dir: Path, region: str | None) -> None:
    """Rebuild master_results.csv from the run directories. Prints its path."""
    from results_aggregator import ResultsAggregator  # noqa: PLC0415 - not on the way to --help

    if not (output_dir / "individual_runs").is_dir():
        raise UsageError(f"{output_dir}: no individual_runs in it; --output-dir names a batch's output directory")
    click.echo(ResultsAggregator(output_dir).write_master_csv(region))
