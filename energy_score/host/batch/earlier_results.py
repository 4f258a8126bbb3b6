"""The contents of an earlier results table or leaderboard snapshot, for ``--only-new``."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from energy_score.contract.errors import RecordError, UsageError
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.host.sheet.cells import CellFaultError, parse_reasoning_mode
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.shared.tasks.registry import find_task

_MODEL = ("model_name", "model")
_TASK = ("task",)
_STATE = ("reasoning_state",)
_REVISION = ("model_commit", "revision")
# The column that is empty for a row without a result, in a results table and in a leaderboard's data; others have none.
_RESULT = ("successful_prompts", "wh_per_1000_queries")
_COMMIT_LENGTH = 40


class EarlierResults:
    """The scored rows of ``path``: model, revision, reasoning state and task, as far as it has these columns.

    A row that failed is not scored. Columns that the file does not have are not compared, except the reasoning state: a
    table without one (such as the leaderboard of February 2025) contains no runs with reasoning. A row without a
    revision in the sheet uses the current one, and matches every revision.

    Raises:
        UsageError: The file cannot be read, or has no column for the model.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        columns, rows = _read_members(path) if path.suffix == ".json" else _lines_of(path)
        self._columns = {
            "model": _first(columns, _MODEL),
            "task": _first(columns, _TASK),
            "state": _first(columns, _STATE),
            "revision": _first(columns, _REVISION),
        }
        if self._columns["model"] is None:
            raise UsageError(
                f"--only-new {path}: missing column {' or '.join(_MODEL)} (expected an earlier master_results.csv, a "
                f"leaderboard.csv, or a cohort snapshot in .json format; found columns: {', '.join(columns) or 'none'})"
            )
        result = _first(columns, _RESULT)
        self._rows: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        for line, row in rows:
            if result is None or row[result]:
                self._rows.setdefault(_plain(row[self._columns["model"]]), []).append((line, row))

    @property
    def note(self) -> str | None:
        """Return a note on what the file does not contain, or None if it has everything."""
        unsaid = [what for what in ("revision", "state", "task") if self._columns[what] is None]
        return f"--only-new {self._name}: has no {', '.join(unsaid)}, so this is not compared" if unsaid else None

    def find_line(self, config: ModelConfig) -> str | None:
        """Return the place of the row's result in the file, as FILE:LINE, or None if it has none."""
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
        elif _parse_mode(state) is not config.reasoning_mode:
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
    """Return the columns of the table at ``path``, and its rows with line numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            return reader.fieldnames or [], [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"--only-new {path}: cannot be read: {error} (expected a results table in CSV format)"
        ) from error


def _read_members(path: Path) -> tuple[Sequence[str], _Rows]:
    """Return the members of the cohort snapshot at ``path`` as rows, each with its number instead of a line."""
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


def _parse_mode(state: str) -> ReasoningMode | None:
    """Return the mode of a state in results, which is spelled as in the sheet, or None if it is unknown."""
    try:
        return parse_reasoning_mode(state)
    except CellFaultError:
        return None


def _task_name(config: ModelConfig) -> str:
    """Return the task name as used in results, for any alias in the sheet; the sheet's own name if unknown."""
    try:
        return find_task(config.task).name
    except UsageError:
        return config.task


def _plain(text: str) -> str:
    """Return the text for comparison: without case, blanks, and the mark that escapes formulas."""
    return (text or "").strip().removeprefix("'").casefold()
