"""``label``: labels and badges of rated models, as SVG and PNG."""

from pathlib import Path

import click

from energy_score.contract.errors import NothingMatchedError
from energy_score.host.cli import help_page
from energy_score.host.cli.options import against_option, model_name_option, results_option
from energy_score.reports.results import read_results


@help_page.command(
    "label",
    examples=[
        ("--model-name Qwen3-8B", "labels of one model, in ./labels"),
    ],
)
@results_option
@against_option
@click.option("--snapshot", metavar="NAME|FILE", help="Use the models of a snapshot instead of --results.")
@model_name_option
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="./labels",
    show_default=True,
    metavar="DIR",
    help="Where the files are written.",
)
def command(results: Path, against: str, snapshot: str | None, model_name: str | None, folder: Path) -> None:
    """Write a label and a badge for each rated model, as SVG and PNG, and print their paths.

    Only models of an official snapshot get a label without a watermark.
    """
    from energy_score.reports.labels.contents import (
        make_rating_contents,
        make_snapshot_contents,
    )
    from energy_score.reports.labels.files import make_name_marks, write_label
    from energy_score.reports.ratings.choice import rated
    from energy_score.reports.ratings.official import open_snapshot

    if snapshot is not None:
        found = list(make_snapshot_contents(open_snapshot(snapshot)))
    else:
        found = list(make_rating_contents(rated(read_results(results).rows, against=against)))
    marked = zip(found, make_name_marks(found), strict=True)
    wanted = [(*one, mark) for one, mark in marked if (model_name or "").lower() in one[0].model.lower()]
    if not wanted:
        raise NothingMatchedError(
            f"none of {len(found)} rated models has {model_name!r} in its id"
            if model_name
            else f"no model in {snapshot or results} has stars, and a label needs some: see 'rate'"
        )
    for content, reasoning_state, mark in wanted:
        for path in write_label(content, folder, reasoning_state=reasoning_state, mark=mark):
            click.echo(path)
