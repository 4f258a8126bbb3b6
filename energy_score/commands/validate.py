"""``validate``: every fault of a spreadsheet, and every row that could not run."""

from typing import Any

import click

from energy_score.batch.plan import make_plan
from energy_score.commands.options import run_options, run_options_from, selection_from, selection_options
from energy_score.contract.errors import UsageError


@click.command("validate")
@selection_options
@run_options
def command(**parameters: Any) -> None:  # noqa: ANN401 - click passes every option by name
    """Check the spreadsheet: every fault at once, then every row that would be refused. Exit code 2 if any."""
    selection = selection_from(parameters)
    plan = make_plan(selection, run_options_from(parameters))
    for planned in plan:
        for note in planned.spec.notes if planned.spec else ():
            click.echo(f"note: {selection.csv.name}:{planned.config.line_number}: {note}", err=True)
    refusals = [planned.refusal for planned in plan if planned.refusal]
    if refusals:
        raise UsageError("\n".join(refusals))
    click.echo(f"{selection.csv}: {len(plan)} rows, no fault")
