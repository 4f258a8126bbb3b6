"""What an earlier results table or a snapshot of the leaderboard holds already, for ``--only-new``."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from energy_score.contract.errors import RecordError, UsageError
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.host.sheet.cells import CellFaultError, reasoning_mode_of
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.shared.tasks.registry import task_of

_MODEL = ("model_name", "model")
_TASK = ("task",)
_STATE = ("reasoning_state",)
_REVISION = ("model_commit", "revision")
# The column that is empty where a row has no result, in a results table and in a leaderboard's data; others have none.
_RESULT = ("successful_prompts", "wh_per_1000_queries")
_COMMIT_LENGTH = 40


class EarlierResults:
    """The scored rows of ``path``: model, revision, reasoning state and task, as far as its columns tell them.

    A row that failed is not scored. What the file does not say is not compared, but for the reasoning state: a table
    without one (the leaderboard's of February 2025) holds no run that reasoned. A sheet's row without a revision means
    whichever the Hub has, and finds every revision.

    Raises:
        UsageError: the file cannot be read, or has no column for the model.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        columns, rows = _members_of(path) if path.suffix == ".json" else _lines_of(path)
        self._columns = {
            "model": _first(columns, _MODEL), "task": _first(columns, _TASK), "state": _first(columns, _STATE),
            "revision": _first(columns, _REVISION),
        }  # fmt: skip
        if self._columns["model"] is None:
            raise UsageError(
                f"--only-new {path}: no column {' or '.join(_MODEL)}; valid is an earlier master_results.csv, a "
                f"leaderboard.csv, or a snapshot of a cohort (.json); its columns are {', '.join(columns) or 'none'}"
            )
        result = _first(columns, _RESULT)
        self._rows: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        for line, row in rows:
            if result is None or row[result]:
                self._rows.setdefault(_plain(row[self._columns["model"]]), []).append((line, row))

    @property
    def note(self) -> str | None:
        """What the file does not say, in words; None where it says all."""
        unsaid = [what for what in ("revision", "state", "task") if self._columns[what] is None]
        return f"--only-new {self._name}: says nothing of {', '.join(unsaid)}: not compared" if unsaid else None

    def line_of(self, config: ModelConfig) -> str | None:
        """Where the file has the row's result, as FILE:LINE; None where it has none."""
        for line, row in self._rows.get(_plain(config.model_id), ()):
            if self._is_same(row, config):
                return f"{self._name}:{line}"
        return None

    def _is_same(self, row: Mapping[str, str], config: ModelConfig) -> bool:
        task, state, revision = (self._cell(row, what) for what in ("task", "state", "revision"))
        if task is not None and _plain(task) not in (_plain(config.task), _plain(_task_name(config))):
            return False
        if state is None:
            if config.reasoning_mode.thinks:
                return False
        elif _mode_of(state) is not config.reasoning_mode:
            return False
        if revision is None or config.revision is None:
            return True
        is_short_commit = len(config.revision) >= 7 and len(revision) == _COMMIT_LENGTH  # noqa: PLR2004 - git's own
        return revision == config.revision or (is_short_commit and revision.startswith(config.revision))

    def _cell(self, row: Mapping[str, str], what: str) -> str | None:
        column = self._columns[what]
        return None if column is None else row[column] or ""


_Rows = list[tuple[int, Mapping[str, str]]]


def _lines_of(path: Path) -> tuple[Sequence[str], _Rows]:
    """The columns of the table at ``path``, and its rows with their lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            return reader.fieldnames or [], [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"--only-new {path}: cannot be read: {error}; valid is a results table in CSV") from error


def _members_of(path: Path) -> tuple[Sequence[str], _Rows]:
    """The members of the cohort snapshot at ``path`` as rows, each with its number in place of a line."""
    try:
        snapshot = CohortSnapshot.read(path)
    except RecordError as error:
        raise UsageError(f"--only-new {error}") from error
    members = [(cohort.task, member) for cohort in snapshot.cohorts for member in cohort.members]
    columns = ["model", "task", "reasoning_state"]
    rows: _Rows = []
    if any(member.revision for _, member in members):
        columns.append("revision")
    for number, (task, member) in enumerate(members, start=1):
        cells = (member.model, task, member.reasoning_state, member.revision or "")
        rows.append((number, dict(zip(columns, cells, strict=False))))
    return columns, rows


def _first(columns: Sequence[str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in columns), None)


def _mode_of(state: str) -> ReasoningMode | None:
    """The mode of a state as results have it, which is the sheet's own spelling; None for one that nobody knows."""
    try:
        return reasoning_mode_of(state)
    except CellFaultError:
        return None


def _task_name(config: ModelConfig) -> str:
    """The task as results name it, whatever alias the sheet has; the sheet's own where nobody knows it."""
    try:
        return task_of(config.task).name
    except UsageError:
        return config.task


def _plain(text: str) -> str:
    """The text as it is compared: without case, blanks, or the mark that keeps a spreadsheet from running a cell."""
    return (text or "").strip().removeprefix("'").casefold()
