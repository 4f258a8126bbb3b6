"""``list``: what would run, resolved; nothing is run."""

from typing import Any

import click

from energy_score.host.cli.options import run_options, selection_options
from energy_score.host.cli.parameters import run_options_from, selection_from
from energy_score.host.cli.plan_table import show_plan


@click.command("list")
@selection_options
@run_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the whole spec.")
def command(*, as_json: bool, **parameters: Any) -> None:  # noqa: ANN401 - click passes every option by name
    """Show what would run, resolved: tokens, switches, notes, refusals. Nothing is run."""
    show_plan(selection_from(parameters), run_options_from(parameters), as_json=as_json)
