"""``impact``: what a yearly volume of queries means for energy, climate, water and resources."""

from pathlib import Path
from typing import cast

import click

from energy_score.contract.errors import NothingMatchedError
from energy_score.host.cli import help_page
from energy_score.host.cli.option_types import NumberRange
from energy_score.host.cli.options import format_option, model_name_option, results_option
from energy_score.reports.impact.estimate import Impact, estimate_impact
from energy_score.reports.impact.factors import KNOWN_REGIONS, VERSION, Factor, get_factors, parse_changes
from energy_score.reports.results import read_results
from energy_score.reports.table import Format, Table, figure, write


@help_page.command(
    "impact",
    examples=[
        ("--queries-per-year 1e9", "a year of one billion queries"),
        ("--queries-per-year 1e6 --region france", "with the French electricity mix"),
    ],
)
@results_option
@click.option(
    "--queries-per-year",
    type=NumberRange(min=0, min_open=True, max=1e18),
    required=True,
    metavar="N",
    help="Number of queries in a year, such as 1e9.",
)
@click.option(
    "--region",
    default="world",
    show_default=True,
    metavar="NAME",
    help=f"Electricity grid: {', '.join(KNOWN_REGIONS)}.",
)
@click.option(
    "--factor",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a factor, such as pue=1.1. The output lists all factors.",
)
@model_name_option
@format_option
def command(
    *,
    results: Path,
    queries_per_year: float,
    region: str,
    changes: tuple[str, ...],
    model_name: str | None,
    form: str,
) -> None:
    """Estimate energy, CO2e, water and resources for a year of queries like the measured ones.

    Exit codes: 0 estimates were made, 4 no GPU energy was measured.
    """
    factors = get_factors(region, parse_changes(changes))
    wanted = [row for row in read_results(results).rows if (model_name or "").lower() in row.model_name.lower()]
    if not wanted and model_name:
        raise NothingMatchedError(f"no model id in {results} contains {model_name!r}")
    made = [estimate_impact(row, queries_per_year=queries_per_year, region=region, factors=factors) for row in wanted]
    impacts = [impact for impact in made if impact is not None]
    if not impacts:
        raise NothingMatchedError(f"{results}: none of {len(wanted)} rows has a measured GPU energy to estimate from")
    write([*(_table(impact) for impact in impacts), _factor_table(factors)], cast("Format", form))
    if len(impacts) < len(wanted):
        click.echo(f"note: {len(wanted) - len(impacts)} rows have no measured GPU energy and are left out", err=True)


def _table(impact: "Impact") -> "Table":

    row = impact.row
    name = f"{row.model_name} {row.reasoning_state}".strip()
    notes = () if row.rateable else (f"the run is not rateable: {row.verdict_reasons or 'no verdict'}",)
    return Table(
        title=f"{name}: {impact.queries_per_year:.6g} queries a year, {impact.region}",
        header=("quantity", "value", "unit", "kind", "made of"),
        rows=tuple(
            (
                one.name,
                figure(one.value) or "unknown",
                one.unit,
                "estimate" if one.is_estimate else "measured",
                f"{one.how} [{', '.join(one.factors)}]" if one.factors else one.how,
            )
            for one in impact.figures
        ),
        notes=notes,
        objects=tuple(
            {
                "model": row.model_name,
                "reasoning_state": row.reasoning_state,
                "run_id": row.run_id,
                "queries_per_year": impact.queries_per_year,
                "region": impact.region,
                "quantity": one.name,
                "value": one.value,
                "unit": one.unit,
                "estimate": one.is_estimate,
                "how": one.how,
                "factors": one.factors,
                "rateable": row.rateable,
            }
            for one in impact.figures
        ),
    )


def _factor_table(factors: "dict[str, Factor]") -> "Table":

    return Table(
        title=f"factors, table {VERSION}",
        header=("factor", "value", "unit", "source"),
        rows=tuple((one.name, figure(one.value) or "unknown", one.unit, one.source) for one in factors.values()),
        objects=tuple(one._asdict() | {"table": VERSION} for one in factors.values()),
    )
