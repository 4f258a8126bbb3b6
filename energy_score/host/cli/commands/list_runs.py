"""``list``: show what would run; nothing is run."""

from pathlib import Path
from typing import Any, cast

from energy_score.host.cli import help_page
from energy_score.host.cli.options import format_option, run_options, selection_options, sheet_argument
from energy_score.host.cli.parameters import run_options_from, selection_from, with_sheet
from energy_score.host.cli.plan_table import show_plan
from energy_score.reports.table import Format


@help_page.command(
    "list",
    examples=[
        ("--class A --task text_gen", "class A text models of models.csv"),
        ("my_models.csv --format csv", "another spreadsheet, as CSV"),
    ],
)
@sheet_argument
@selection_options
@run_options
@format_option
def command(*, file: Path | None, form: str, **parameters: Any) -> None:
    """Show what would run from a spreadsheet: tokens, reasoning switches, notes and refusals. Nothing is run.

    Reads FILE, or the file of --csv. With --format json, one object a line with the whole run specification.
    """
    show_plan(selection_from(with_sheet(parameters, file)), run_options_from(parameters), form=cast("Format", form))
