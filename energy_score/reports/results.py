"""The rows that a report is made of: of a batch's output directory, or of a results table that somebody kept."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from energy_score.contract.csv_text import FORMULA_STARTS
from energy_score.contract.errors import UsageError
from energy_score.contract.run_directory import RunDirectory
from energy_score.reports.results_table.gpu_figures import product, quotient
from energy_score.reports.results_table.result_row import DOCUMENTED_COLUMNS, ResultRow
from results_aggregator import ResultsAggregator

# The columns whose empty cell is a text without letters, and not an unknown one.
# A column of every models spreadsheet (INTERFACE.md, "The spreadsheet"), and of no results table.
_SHEET_COLUMN = "Models to Add"
_NEVER_NONE = ("model_name", "task", "reasoning_state")


@dataclass(frozen=True)
class Results:
    """Rows, and the run directory that each was made from; None for the rows of a table."""

    source: Path
    rows: tuple[ResultRow, ...]
    directories: tuple[RunDirectory | None, ...]


def read_results(path: Path) -> Results:
    """The rows of an output directory, made from its run directories, or those of a ``master_results.csv``.

    A table of the published tool will do: columns that it does not have are unknown, but the energy of 1,000 queries.

    Raises:
        UsageError: there is neither, or the table has a fault; every fault is named with its line and column.
    """
    if (path / "individual_runs").is_dir():
        aggregator = ResultsAggregator(path)
        directories = tuple(aggregator.directories())
        return Results(path, tuple(aggregator.row_of(directory.path) for directory in directories), directories)
    if not path.is_file():
        raise UsageError(
            f"{path}: no results there; valid is a batch's output directory (with individual_runs in it) or a "
            "master_results.csv"
        )
    rows = rows_of_table(path)
    return Results(path, rows, (None,) * len(rows))


def rows_of_table(path: Path) -> tuple[ResultRow, ...]:
    """The rows of the results table at ``path``, as they were before they became cells.

    Raises:
        UsageError: it cannot be read, or is no such table; the message names every fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns, records = tuple(reader.fieldnames or ()), [(reader.line_num, record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error}; valid is a master_results.csv") from error
    missing = [name for name in DOCUMENTED_COLUMNS if name not in columns]
    unknown = [name for name in columns if name not in ResultRow.model_fields]
    if _SHEET_COLUMN in columns:
        raise UsageError(
            f"{path}: this is a models spreadsheet, not results. Name a batch's output directory or its "
            "master_results.csv; a spreadsheet is looked at with 'list' and 'validate'."
        )
    if missing or unknown:
        faults = [f"no column {name}" for name in missing] + [f"unknown column {name!r}" for name in unknown]
        raise UsageError(f"{path}: not a results table of this version: {'; '.join(faults)}")
    rows, faults = [], []
    for line, record in records:
        if None in record or None in record.values():  # as of a table that was cut off, whose last figure is cut too
            count = sum(cell is not None for cell in record.values()) + len(record.get(None, ())) - (None in record)
            faults.append(f"{path}:{line}: {count} cells, and the header has {len(columns)}")
            continue
        try:
            rows.append(ResultRow.model_validate({name: _value(name, record[name]) for name in columns}))
        except ValidationError as error:
            faults += [
                f"{path}:{line}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}, not {fault['input']!r}"
                for fault in error.errors(include_url=False)
            ]
    if faults:
        raise UsageError("\n".join(faults))
    return tuple(rows if "wh_per_1000_queries" in columns else map(_of_published_tool, rows))


def _of_published_tool(row: ResultRow) -> ResultRow:
    """The row with the energy of 1,000 queries, which the published tool has no column for.

    Its 0 Wh is a meter that did not start (INTERFACE.md, "Known faults"), so it is unknown.
    """
    gpu_energy_wh = row.gpu_energy_wh or None
    per_query_wh = quotient(gpu_energy_wh, row.successful_prompts)
    return row.model_copy(update={"gpu_energy_wh": gpu_energy_wh, "wh_per_1000_queries": product(per_query_wh, 1000)})


def _value(column: str, cell: str | None) -> str | None:
    """The text that was written as ``cell``: a guarded formula loses its guard, an empty cell is None or no text."""
    if not cell:
        return "" if column in _NEVER_NONE else None
    return cell[1:] if cell[0] == "'" and cell[1:].startswith(FORMULA_STARTS) else cell
