"""``list``: what would run, resolved; nothing is run."""

from pathlib import Path
from typing import Any

import click

from energy_score.host.cli.options import run_options, selection_options, sheet_argument
from energy_score.host.cli.parameters import run_options_from, selection_from, with_sheet
from energy_score.host.cli.plan_table import show_plan


@click.command("list")
@sheet_argument
@selection_options
@run_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the whole spec.")
def command(*, file: Path | None, as_json: bool, **parameters: Any) -> None:  # noqa: ANN401 - click passes every option by name
    """Show what would run of the spreadsheet, FILE or --csv, resolved: tokens, switches, notes, refusals.

    Nothing is run.
    """
    show_plan(selection_from(with_sheet(parameters, file)), run_options_from(parameters), as_json=as_json)
