"""``rate``, ``snapshot`` and ``drift``: stars, what they are relative to, and how they change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from energy_score.contract.errors import ExitCode, RecordError, UsageError
from energy_score.contract.plain_text import format_json
from energy_score.host.cli import help_page
from energy_score.host.cli.option_types import day_or_month, snapshot_name
from energy_score.host.cli.options import against_option, format_option, results_option
from energy_score.reports.results import read_results
from energy_score.reports.table import Format, Table, figure_with_interval, write, write_lines

if TYPE_CHECKING:
    from energy_score.reports.ratings.drift import Drift
    from energy_score.reports.ratings.rating import Rating


@help_page.command(
    "rate",
    examples=[
        ("", "stars relative to the published models"),
        ("--against own", "stars relative to your own runs only"),
        ("--format csv > stars.csv", "a table for a spreadsheet"),
    ],
)
@results_option
@against_option
@format_option
@click.pass_context
def rate(context: click.Context, results: Path, against: str, form: str) -> None:
    """Give stars to measured runs, and say why a run is not rated.

    Exit codes: 0 at least one run has stars, 4 no run has stars.
    """
    from energy_score.reports.ratings.choice import rated as rated_rows

    ratings = rated_rows(read_results(results).rows, against=against)
    table = Table(
        title="",
        header=("model", "state", "task", "Wh per 1,000", "rating", "note"),
        rows=tuple(_as_cells(rating) for rating in ratings),
        objects=tuple(_as_object(rating) for rating in ratings),
    )
    write_lines(table, cast("Format", form))
    rated = [rating for rating in ratings if rating.stars is not None]
    relative_to = ratings[0].against if ratings else "nothing"
    click.echo(f"{len(rated)} of {len(ratings)} runs have stars, relative to {relative_to}", err=True)
    if rated:
        click.echo(_components_in_words(rated), err=True)
    context.exit(ExitCode.OK if rated else ExitCode.NOTHING_MATCHED)


@help_page.command(
    "snapshot",
    examples=[
        ("--name 2026-11-lab 2026-11-lab.json", "keep today's rateable runs under a name"),
    ],
)
@results_option
@click.option(
    "--name", required=True, type=snapshot_name, metavar="NAME", help="Name of the snapshot, such as 2026-11-lab."
)
@click.option(
    "--issued", type=day_or_month, metavar="DATE", help="Day or month of issue, such as 2026-11.  [default: today]"
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def snapshot(results: Path, name: str, issued: str | None, file: Path) -> None:
    """Write the rateable runs and their stars to FILE. A snapshot never changes once it is written."""
    from energy_score.reports.ratings.rating import make_cohort_snapshot

    issued = issued or f"{datetime.now(UTC):%Y-%m-%d}"
    made = make_cohort_snapshot(
        read_results(results).rows, name=name, issued=issued, source=f"own runs in {results.name}"
    )
    try:
        made.write_once(file)
    except RecordError as error:
        raise UsageError(str(error)) from error
    sizes = ", ".join(f"{cohort.label}: {len(cohort.members)}" for cohort in made.cohorts)
    click.echo(f"{file}: snapshot {name} of {issued} ({sizes})")


@help_page.command(
    "drift",
    examples=[
        ("2025-02 2026-11-lab.json", "from the published snapshot to your own"),
    ],
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@format_option
def drift(before: str, after: str, form: str) -> None:
    """Show whose stars changed between two snapshots, and which model caused it.

    A snapshot is a published name or a file.
    """
    from energy_score.reports.ratings.drift import drift as difference
    from energy_score.reports.ratings.official import open_snapshot

    found = difference(open_snapshot(before), open_snapshot(after))
    if form == "json":
        click.echo(format_json(_drift_object(found)))
        return
    rows = [
        (
            change.cohort,
            f"{change.member.model} {change.member.reasoning_state}".strip(),
            _stars_cell(change.stars_before),
            _stars_cell(change.stars_after),
            change.because,
        )
        for change in found.changes
    ]
    header = ("cohort", "model", "before", "after", "because")
    objects = tuple(_drift_object(found)["changes"])
    write([Table(title="", header=header, rows=tuple(rows), objects=objects)], cast("Format", form))
    click.echo(
        f"{len(found.changes)} models have other stars, {len(found.joined)} joined, {len(found.left)} left", err=True
    )


def _components_in_words(ratings: Sequence["Rating"]) -> str:
    """What the chances of stars include beside the interval of each run's repeats."""
    scatters = {(rating.run_to_run.deviation, rating.run_to_run.runs) for rating in ratings}
    noises = ", ".join(
        f"{deviation:.2%} ({f'from {runs} runs' if runs else 'default'})" for deviation, runs in sorted(scatters)
    )
    gain = next((rating.gain_bound for rating in ratings if rating.gain_bound is not None), None)
    between = "" if gain is None else f", and the sensors' gain between GPUs of up to {gain:.0%}"
    return f"Chances of other stars include run-to-run noise of {noises}{between}."


def _as_cells(rating: "Rating") -> tuple[str, ...]:
    row, energy = rating.row, ""
    if row.wh_per_1000_queries is not None:
        energy = figure_with_interval(row.wh_per_1000_queries, rating.half_width_wh)
    return (
        row.model_name,
        row.reasoning_state,
        row.task,
        energy,
        rating.stars_in_words,
        "; ".join(rating.notes),
    )


def _as_object(rating: "Rating") -> dict[str, Any]:
    row = rating.row
    return {
        "model": row.model_name,
        "revision": row.model_commit,
        "task": row.task,
        "class": row.model_class,
        "reasoning_state": row.reasoning_state,
        "run_id": row.run_id,
        "wh_per_1000_queries": row.wh_per_1000_queries,
        "ci95_half_width_wh": rating.half_width_wh,
        "run_to_run_percent": 100 * rating.run_to_run.deviation,
        "run_to_run_runs": rating.run_to_run.runs,
        "gain_percent": None if rating.gain_bound is None else 100 * rating.gain_bound,
        "stars": rating.stars,
        "unrated_because": rating.unrated_because,
        "chances": {str(stars): chance for stars, chance in rating.chances.items()},
        "against": rating.against,
        "cohort_size": rating.bands.size if rating.bands else None,
        "band_edges_wh": rating.bands.edges_wh if rating.bands else None,
        "notes": rating.notes,
    }


def _drift_object(found: "Drift") -> dict[str, Any]:
    return {
        "changes": [
            {
                "cohort": change.cohort,
                "model": change.member.model,
                "reasoning_state": change.member.reasoning_state,
                "stars_before": change.stars_before,
                "stars_after": change.stars_after,
                "because": change.because,
            }
            for change in found.changes
        ],
        "joined": found.joined,
        "left": found.left,
    }


def _stars_cell(stars: int | None) -> str:
    return "unrated" if stars is None else str(stars)
