"""Make the list of runs from sheet and options: every row is resolved before any GPU time is spent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from energy_score.contract.errors import NothingMatchedError, RowRefusedError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.run_directory import run_name
from energy_score.contract.run_spec import RunSpec
from energy_score.host.run_specs.placement import Placement
from model_config_parser import ModelConfigParser
from parameter_handler import ParameterHandler, RunOptions

# The maximum number of a column's values to show in a message.
_FEW = 12


@dataclass(frozen=True)
class Selection:
    """The rows to select from a sheet; None for no filter."""

    csv: Path
    model_name: str | None = None
    model_class: str | None = None
    task: str | None = None
    reasoning_state: str | None = None
    exact: bool = False


@dataclass(frozen=True)
class _SelectedRow:
    """One selected row; ``name`` is the name of its run directory."""

    name: str
    config: ModelConfig

    @property
    def label(self) -> str:
        """Return the name of the run for users."""
        state = self.config.reasoning_state
        return f"{self.config.model_id} {state}" if state else self.config.model_id


@dataclass(frozen=True)
class ResolvedRun(_SelectedRow):
    """A row and its resolved run spec."""

    spec: RunSpec

    def refused(self, why: str) -> "RefusedRun":
        """Return the same row as refused."""
        return RefusedRun(self.name, self.config, why)


@dataclass(frozen=True)
class RefusedRun(_SelectedRow):
    """A row that cannot be run, and why."""

    refusal: str


PlannedRun = ResolvedRun | RefusedRun


def resolved_runs(plan: Iterable[PlannedRun]) -> list[ResolvedRun]:
    """Return the runs of the plan that were not refused."""
    return [planned for planned in plan if isinstance(planned, ResolvedRun)]


@dataclass(frozen=True)
class SelectedRows:
    """The selected rows and what is needed to resolve them; nothing is resolved yet."""

    configs: Sequence[ModelConfig]
    names: Mapping[int, str]
    handler: ParameterHandler

    def resolve(self, placement: Placement | None = None) -> list[PlannedRun]:
        """Return the rows in the sheet's order, each resolved or refused; without ``placement`` only for display."""
        started = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        named = ((self.names[config.line_number], config) for config in self.configs)
        return [
            resolve_row(self.handler, config, name=name, run_id=f"{name}_{started}", placement=placement)
            for name, config in named
        ]


def select_rows(selection: Selection, options: RunOptions) -> SelectedRows:
    """Return the rows of the sheet that match ``selection``.

    Raises:
        UsageError: The sheet or the options are wrong.
        NothingMatchedError: No row matches the filters.
    """
    parser = ModelConfigParser(selection.csv)
    sheet = parser.parse()
    selected = parser.filter_configs(
        sheet,
        model_name=selection.model_name,
        model_class=selection.model_class,
        task=selection.task,
        reasoning_state=selection.reasoning_state,
        exact=selection.exact,
    )
    if not selected:
        told = f"{_filters(selection)}{_what_there_is(selection, sheet)}"
        raise NothingMatchedError(f"none of the {len(sheet)} rows in {selection.csv} match {told}")
    handler = ParameterHandler(options, sheet_directory=selection.csv.resolve().parent, sheet_name=selection.csv.name)
    return SelectedRows(selected, directory_names(sheet), handler)


def make_plan(selection: Selection, options: RunOptions) -> list[PlannedRun]:
    """Return the selected rows, each resolved or refused, for display, without knowing where they would run.

    Raises:
        UsageError: The sheet or the options are wrong.
        NothingMatchedError: No row matches the filters.
    """
    return select_rows(selection, options).resolve()


def resolve_row(
    handler: ParameterHandler, config: ModelConfig, *, name: str, run_id: str, placement: Placement | None = None
) -> PlannedRun:
    """Return one row, resolved or refused."""
    try:
        return ResolvedRun(name, config, handler.resolve(config, run_id=run_id, placement=placement))
    except RowRefusedError as error:
        return RefusedRun(name, config, str(error))


def directory_names(sheet: Sequence[ModelConfig]) -> dict[int, str]:
    """Return each row's run directory name by line number; a duplicate name gets a unique suffix.

    The first row keeps the plain name, so that adding a row below does not change its name or state. Names are
    compared without case, because some file systems are case-insensitive.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for config in sheet:
        name = run_name(config.model_id, config.reasoning_state)
        if name.lower() in taken:
            key = "\n".join((config.model_id, config.reasoning_state, config.task, config.revision or ""))
            name = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        taken.add(name.lower())
        names[config.line_number] = name
    return names


def same_work(plan: Sequence[PlannedRun]) -> list[tuple[ResolvedRun, ResolvedRun]]:
    """Return pairs of rows that would do the same work under two names: each later row with the first one."""
    first: dict[str, ResolvedRun] = {}
    pairs = []
    for planned in resolved_runs(plan):
        earlier = first.setdefault(planned.spec.work_identity(), planned)
        if earlier is not planned:
            pairs.append((earlier, planned))
    return pairs


def _what_there_is(selection: Selection, sheet: Sequence[ModelConfig]) -> str:
    """Return the values of the filtered columns, if there are only a few."""
    columns = (
        ("tasks", selection.task, {config.task for config in sheet}),
        ("classes", selection.model_class, {config.model_class or "" for config in sheet}),
        ("reasoning states", selection.reasoning_state, {config.reasoning_state for config in sheet}),
    )
    told = [
        f"{name}: {', '.join(sorted(values - {''}))}"
        for name, wanted, values in columns
        if wanted is not None and len(values) <= _FEW
    ]
    return f"; the sheet has {'; '.join(told)}" if told else ""


def _filters(selection: Selection) -> str:
    given = {
        "--model-name": selection.model_name,
        "--class": selection.model_class,
        "--task": selection.task,
        "--reasoning-state": selection.reasoning_state,
    }
    filters = " and ".join(f"{flag} {value!r}" for flag, value in given.items() if value is not None)
    return f"{filters}{' (exactly)' if selection.exact else ''}" if filters else "(the sheet has no rows)"
