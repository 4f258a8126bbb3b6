"""What would run, in every form that a report has."""

from typing import Any

import click

from energy_score.contract.plain_text import counted
from energy_score.host.batch.plan import (
    PlannedRun,
    RefusedRun,
    ResolvedRun,
    Selection,
    make_plan,
    resolved_runs,
    same_work,
)
from energy_score.host.batch.summary import how_measured
from energy_score.reports.table import Format, Table, write_lines
from parameter_handler import RunOptions


def show_plan(selection: Selection, options: RunOptions, *, form: Format) -> None:
    """Write the plan to stdout, and to stderr how many rows it has and which of them do the same work."""
    plan = make_plan(selection, options)
    header = ("line", "model", "class", "task", "state", "new tokens", "switch", "note")
    cells = tuple(_as_cells(planned) for planned in plan)
    if form == "csv":  # the columns of the table: a whole specification does not fit in a cell
        objects = tuple(dict(zip(header, row, strict=True)) for row in cells)
    else:
        objects = tuple(_as_object(planned) for planned in plan) if form == "json" else ()
    write_lines(Table(title="", header=header, rows=cells, objects=objects), form)
    for earlier, later in same_work(plan):
        click.echo(
            f"note: lines {earlier.config.line_number} and {later.config.line_number} do the same work", err=True
        )
    resolved = resolved_runs(plan)
    measured = f"; {how_measured(resolved[0].spec)}" if resolved else ""
    click.echo(f"{counted(len(plan), 'row')}, {len(plan) - len(resolved)} refused{measured}", err=True)


def _as_object(planned: PlannedRun) -> dict[str, Any]:
    return {
        "line": planned.config.line_number,
        "run": planned.name,
        "model": planned.config.model_id,
        "reasoning_state": planned.config.reasoning_state,
        "refused": planned.refusal if isinstance(planned, RefusedRun) else None,
        "spec": planned.spec.model_dump(mode="json") if isinstance(planned, ResolvedRun) else None,
    }


def _as_cells(planned: PlannedRun) -> tuple[str, ...]:
    config = planned.config
    identity = (str(config.line_number), config.model_id, config.model_class or "", config.task, config.reasoning_state)
    if isinstance(planned, RefusedRun):
        return (*identity, "", "refused", planned.refusal)
    spec = planned.spec
    limits = spec.generation
    tokens = "" if limits.min_new_tokens is None else f"{limits.min_new_tokens}"
    if limits.max_new_tokens != limits.min_new_tokens:
        tokens += f"-{limits.max_new_tokens}"
    return (*identity, tokens, str(spec.prompt_plan), "; ".join(spec.notes))
