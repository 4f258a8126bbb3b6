"""Comparisons as tables."""

from collections.abc import Sequence

from energy_score.reports.comparison.regression import Change
from energy_score.reports.comparison.side_by_side import Energy, Line, SideBySide
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.reports.table import Table, figure

_HEADER = (
    "run",
    "Wh per 1,000",
    "±95 %",
    "source",
    "new tokens per query",
    "J per token",
    "first token",
    "energy",
    "= length",
    "x per token",
    "status",
)


def side_by_side_table(comparison: SideBySide) -> Table:
    """Return a comparison with its baseline as a table; the ratios are exact, the figures shown are rounded."""
    notes = [f"ratios are relative to {comparison.baseline}"]
    if any(line.energy is not None and line.energy_ratio is None for line in comparison.lines):
        notes.append("energies of different sources, tasks or datasets have no ratio")
    if comparison.differing_conditions:
        notes.append(f"the rows differ in {', '.join(comparison.differing_conditions)}")
    if any(line.energy is not None and line.energy.domain == "CPU" for line in comparison.lines):
        notes.append("the GPU was not measured: these are CPU energies, which are not rated")
    return Table(
        title=comparison.title,
        header=_HEADER,
        rows=tuple(_cells(line) for line in comparison.lines),
        notes=tuple(notes),
        objects=tuple(_object(line) for line in comparison.lines),
    )


def changes_table(changes: Sequence[Change], *, threshold: float) -> Table:
    """Return the changes as a table, faults first."""
    ordered = sorted(changes, key=lambda change: not change.is_fault)
    return Table(
        title="before and after, Wh per 1,000 queries",
        header=("model", "state", "task", "before", "after", "outcome", "because"),
        rows=tuple(_change_cells(change) for change in ordered),
        notes=(f"a regression is an increase of more than {100 * threshold:.3g} %, beyond the scatter of the repeats",),
        objects=tuple(_change_object(change) for change in ordered),
    )


def half_width_wh(line: Line) -> float | None:
    """Return half of the 95 % interval in Wh per 1,000 queries, from the run's report."""
    is_of_gpu = line.energy is not None and line.energy.domain == "GPU"
    return line.row.ci95_half_width_per_1000_wh if is_of_gpu else None


def _cells(line: Line) -> tuple[str, ...]:
    row, energy = line.row, line.energy
    return (
        line.label,
        _wh(energy),
        figure(half_width_wh(line), digits=2),
        f"{energy.domain} {energy.source}" if energy else "",
        figure(line.tokens_per_query),
        figure(line.energy_per_token_j),
        figure(row.time_to_first_token_seconds, digits=3, unit=" s"),
        figure(line.energy_ratio, digits=3),
        figure(line.length_ratio, digits=3),
        figure(line.per_token_ratio, digits=3),
        _standing(row),
    )


def _standing(row: ResultRow) -> str:
    """Return the row's status in two words; the results table has the reasons."""
    if row.successful_prompts is None:
        return row.error_message or "failed"
    if row.rateable is None:
        return "no verdict"
    return "not rateable" if not row.rateable else "comparable" if row.comparable else "not comparable"


def _object(line: Line) -> dict[str, object]:
    row, energy = line.row, line.energy
    return {
        "label": line.label,
        "model": row.model_name,
        "reasoning_state": row.reasoning_state,
        "run_id": row.run_id,
        "wh_per_1000_queries": energy.wh_per_1000_queries if energy else None,
        "ci95_half_width_wh": half_width_wh(line),
        "domain": energy.domain if energy else None,
        "source": energy.source if energy else None,
        "tokens_per_query": line.tokens_per_query,
        "energy_per_token_j": line.energy_per_token_j,
        "time_to_first_token_s": row.time_to_first_token_seconds,
        "energy_ratio": line.energy_ratio,
        "length_ratio": line.length_ratio,
        "per_token_ratio": line.per_token_ratio,
        "rateable": row.rateable,
        "verdict_reasons": row.verdict_reasons,
        "error_message": row.error_message,
    }


def _wh(energy: Energy | None) -> str:
    return figure(energy.wh_per_1000_queries if energy else None)


def _change_cells(change: Change) -> tuple[str, ...]:
    return (
        change.model,
        change.reasoning_state,
        change.task,
        _wh(change.before),
        _wh(change.after),
        change.outcome,
        change.because,
    )


def _change_object(change: Change) -> dict[str, object]:
    return {
        "model": change.model,
        "reasoning_state": change.reasoning_state,
        "task": change.task,
        "before_wh_per_1000_queries": change.before.wh_per_1000_queries if change.before else None,
        "after_wh_per_1000_queries": change.after.wh_per_1000_queries if change.after else None,
        "source": change.after.source if change.after else None,
        "ratio": change.ratio,
        "interval": change.interval,
        "outcome": change.outcome,
        "because": change.because,
    }
