"""``validate``: report every fault of a spreadsheet, and every row that could not run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.contract.log_line import safe_line
from energy_score.contract.plain_text import counted
from energy_score.host.batch.plan import PlannedRun, RefusedRun, make_plan, resolved_runs
from energy_score.host.cli import help_page
from energy_score.host.cli.options import run_options, selection_options, sheet_argument
from energy_score.host.cli.parameters import run_options_from, selection_from, with_sheet


@help_page.command("validate", examples=[("my_models.csv", "check this spreadsheet")])
@sheet_argument
@selection_options
@run_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    file: Path | None,
    **parameters: Any,
) -> None:
    """Check a spreadsheet, FILE or --csv, and report all faults at once, then the rows that would be refused.

    Exit codes: 0 all rows can run, 1 some rows would be refused, 2 the spreadsheet has faults.
    """
    selection = selection_from(with_sheet(parameters, file))
    plan = make_plan(selection, run_options_from(parameters))
    for note, lines in _lines_by_note(plan).items():
        where = f"line {lines[0]}" if len(lines) == 1 else f"{len(lines)} rows, lines {', '.join(map(str, lines))}"
        click.echo(f"note: {selection.csv.name}: {where}: {safe_line(note)}", err=True)
    refusals = [planned.refusal for planned in plan if isinstance(planned, RefusedRun)]
    for refusal in refusals:
        click.echo(f"refused: {safe_line(refusal)}", err=True)
    click.echo(f"{selection.csv}: {counted(len(plan), 'row')}, no fault, {len(refusals)} would be refused")
    context.exit(ExitCode.SOME_RUNS_FAILED if refusals else ExitCode.OK)


def _lines_by_note(plan: Sequence[PlannedRun]) -> dict[str, list[int]]:
    """Each note with the sheet's lines that it is about, the most frequent first."""
    lines: dict[str, list[int]] = {}
    for planned in resolved_runs(plan):
        for note in planned.spec.notes:
            lines.setdefault(note, []).append(planned.config.line_number)
    return dict(sorted(lines.items(), key=lambda entry: (-len(entry[1]), entry[1])))
