"""Compare rows with a baseline: energy, length, energy per token; the energy ratio is the product of the last two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from energy_score.contract.errors import NothingMatchedError
from energy_score.contract.units import JOULES_PER_WH
from energy_score.reports.results_table.gpu_figures import quotient
from energy_score.reports.results_table.result_row import ResultRow

# The order in which modes are shown, and in which the baseline is chosen.
_STATES = ("off", "off (n/a)", "n/a", "", "on (low)", "on (medium)", "on", "on (high)")
# Rows that differ in one of these did different work, so their ratio is meaningless.
_SAME_WORK = ("task", "dataset")
# Rows that differ in one of these ran under different conditions, which readers of the ratio must know.
_CONDITIONS = ("total_prompts", "hardware", "gpu_count", "concurrency")


@dataclass(frozen=True)
class Energy:
    """Energy of 1,000 queries in Wh: of the GPUs if they were measured, otherwise of the CPU; ``source`` says how.

    It is ``unknown`` in a table of the published tool.

    ``relative_stdev`` is for one repeat; None if there was only one or the table does not have it.
    """

    wh_per_1000_queries: float
    domain: str
    source: str
    relative_stdev: float | None
    repeats: int | None


@dataclass(frozen=True)
class Line:
    """One row compared with the baseline; None for what is unknown.

    ``tokens_per_query`` counts new tokens; ``energy_per_token_j`` is the total energy per new token. ``energy_ratio`` =
    ``length_ratio`` x ``per_token_ratio``, each relative to the baseline.
    """

    label: str
    row: ResultRow
    energy: Energy | None
    tokens_per_query: float | None
    energy_per_token_j: float | None
    energy_ratio: float | None
    length_ratio: float | None
    per_token_ratio: float | None


@dataclass(frozen=True)
class SideBySide:
    """The compared rows of one or two models, and which of them is the baseline."""

    title: str
    baseline: str
    lines: tuple[Line, ...]

    @property
    def differing_conditions(self) -> tuple[str, ...]:
        """Return the columns in which the measured rows differ, of those that affect the ratios."""
        rows = [line.row for line in self.lines if line.energy is not None]
        return tuple(name for name in (*_SAME_WORK, *_CONDITIONS) if len({getattr(row, name) for row in rows}) > 1)


def compute_energy(row: ResultRow) -> Energy | None:
    """Return the energy of 1,000 queries of ``row``, or None if it was not measured."""
    if not row.successful_prompts:
        return None
    if row.gpu_energy_wh is not None:
        stdev_wh, repeats = row.gpu_energy_stdev_wh, row.repeats
        scatter = stdev_wh / row.gpu_energy_wh if stdev_wh is not None and row.gpu_energy_wh > 0 else None
        per_1000_wh = 1000 * row.gpu_energy_wh / row.successful_prompts
        return Energy(
            per_1000_wh, "GPU", row.energy_source or "unknown", scatter if (repeats or 0) > 1 else None, repeats
        )
    if row.cpu_energy_wh is not None and row.cpu_energy_source is not None:
        per_1000_wh = 1000 * row.cpu_energy_wh / row.successful_prompts
        return Energy(per_1000_wh, "CPU", row.cpu_energy_source, None, row.repeats)
    return None


def modes(rows: Iterable[ResultRow], *, model_name: str | None = None) -> list[SideBySide]:
    """Compare the reasoning modes of each model that has several, with Off or else the lowest mode as baseline.

    Rows of different commits, tasks or datasets are compared separately. A failed row has neither commit nor dataset;
    it is shown with the rows that lack its mode. ``model_name`` is part of a model id, in any case.

    Raises:
        NothingMatchedError: No model has rows in two modes.
    """
    groups: dict[tuple[object, ...], list[ResultRow]] = {}
    wanted = [row for row in rows if model_name is None or model_name.lower() in row.model_name.lower()]
    for row in sorted(wanted, key=lambda row: row.successful_prompts is None):
        key = (row.model_name, row.model_commit, row.task, row.dataset)
        lacking = (
            [key]
            if row.successful_prompts is not None
            else [
                one
                for one, group in groups.items()
                if (one[0], one[2]) == (row.model_name, row.task)
                and row.reasoning_state not in {other.reasoning_state for other in group}
            ]
        )
        for one in lacking or [key]:
            groups.setdefault(one, []).append(row)
    found = []
    for (name, _, task, _), group in groups.items():
        if len({row.reasoning_state for row in group}) > 1:
            ordered = sorted(group, key=_by_state)
            found.append(beside(f"{name}, {task}", [(row.reasoning_state or "no state", row) for row in ordered]))
    if not found:
        which = f"no model whose id contains {model_name!r}" if model_name else "no model"
        raise NothingMatchedError(f"{which} has rows in two reasoning modes")
    return found


def models(rows: Iterable[ResultRow], first: str, second: str) -> SideBySide:
    """Compare two models in every measured state and common task; the baseline is the first model's first state.

    Raises:
        NothingMatchedError: One of them has no row, or they share no task; the message lists the available ones.
    """
    rows = tuple(rows)
    of_first = [row for row in rows if row.model_name == first]
    of_second = [row for row in rows if row.model_name == second]
    known = ", ".join(sorted({row.model_name for row in rows})) or "nothing"
    for name, own in ((first, of_first), (second, of_second)):
        if not own:
            raise NothingMatchedError(f"no results for model {name!r}. Models with results: {known}")
    tasks = {row.task for row in of_first} & {row.task for row in of_second}
    if not tasks:
        raise NothingMatchedError(f"{first} and {second} have no common task")
    ordered = [*sorted(of_first, key=_by_state), *sorted(of_second, key=_by_state)]
    shared = [
        (" ".join(filter(None, (row.model_name, row.reasoning_state, row.task if len(tasks) > 1 else ""))), row)
        for row in ordered
        if row.task in tasks
    ]
    return beside(f"{first} and {second}", shared)


def beside(title: str, labelled: Sequence[tuple[str, ResultRow]]) -> SideBySide:
    """Compare the rows with the first one that has an energy; ratios need the same energy source and the same work.

    Work is the same if task and dataset are.
    """
    baseline = next(((label, row) for label, row in labelled if compute_energy(row)), labelled[0])
    return SideBySide(title, baseline[0], tuple(_line(label, row, baseline[1]) for label, row in labelled))


def _line(label: str, row: ResultRow, baseline: ResultRow) -> Line:
    energy, base = compute_energy(row), compute_energy(baseline)
    same_work = all(getattr(row, name) == getattr(baseline, name) for name in _SAME_WORK)
    alike = same_work and energy and base and (energy.domain, energy.source) == (base.domain, base.source)
    tokens, base_tokens = _tokens_per_query(row), _tokens_per_query(baseline)
    per_token_j, base_per_token_j = _energy_per_token_j(energy, tokens), _energy_per_token_j(base, base_tokens)
    return Line(
        label=label,
        row=row,
        energy=energy,
        tokens_per_query=tokens,
        energy_per_token_j=per_token_j,
        energy_ratio=quotient(energy.wh_per_1000_queries, base.wh_per_1000_queries)
        if alike and energy and base
        else None,
        length_ratio=quotient(tokens, base_tokens) if same_work else None,
        per_token_ratio=quotient(per_token_j, base_per_token_j) if alike else None,
    )


def _tokens_per_query(row: ResultRow) -> float | None:
    return quotient(row.total_completion_tokens, row.successful_prompts)


def _energy_per_token_j(energy: Energy | None, tokens_per_query: float | None) -> float | None:
    if energy is None:
        return None
    return quotient(energy.wh_per_1000_queries * JOULES_PER_WH / 1000, tokens_per_query)


def _by_state(row: ResultRow) -> tuple[int, str]:
    state = row.reasoning_state.strip().lower()
    return (_STATES.index(state) if state in _STATES else len(_STATES), state)
