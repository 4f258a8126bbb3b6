"""Read the rows for a report: from a batch's output directory, or from a saved results table."""

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

# The columns whose empty cell is an empty text, not an unknown value.
# A column of every sheet (INTERFACE.md, "The spreadsheet"), and of no results table.
_SHEET_COLUMN = "Models to Add"
_NEVER_NONE = ("model_name", "task", "reasoning_state")


@dataclass(frozen=True)
class Results:
    """Rows, and the run directory that each came from; None for the rows of a table."""

    source: Path
    rows: tuple[ResultRow, ...]
    directories: tuple[RunDirectory | None, ...]


def read_results(path: Path) -> Results:
    """Return the rows of an output directory, made from its run directories, or those of a ``master_results.csv``.

    A table of the published tool works: columns that it does not have are unknown, except the energy of 1,000 queries.

    Raises:
        UsageError: There is neither, or the table has errors; all are listed with line and column.
    """
    if (path / "individual_runs").is_dir():
        aggregator = ResultsAggregator(path)
        directories = tuple(aggregator.directories())
        return Results(path, tuple(aggregator.row_of(directory.path) for directory in directories), directories)
    if not path.is_file():
        raise UsageError(
            f"{path}: no results found (expected a batch's output directory, with individual_runs in it, or a "
            "master_results.csv)"
        )
    rows = read_results_table(path)
    return Results(path, rows, (None,) * len(rows))


def read_results_table(path: Path) -> tuple[ResultRow, ...]:
    """Return the rows of the results table at ``path``, as they were before they became cells.

    Raises:
        UsageError: It cannot be read, or is not a results table; the message lists all errors.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns, records = tuple(reader.fieldnames or ()), [(reader.line_num, record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read: {error} (expected a master_results.csv)") from error
    missing = [name for name in DOCUMENTED_COLUMNS if name not in columns]
    unknown = [name for name in columns if name not in ResultRow.model_fields]
    if _SHEET_COLUMN in columns:
        raise UsageError(
            f"{path}: this is a models spreadsheet, not results. Name a batch's output directory or its "
            "master_results.csv; a spreadsheet is looked at with 'list' and 'validate'."
        )
    if missing or unknown:
        faults = [f"missing column {name}" for name in missing] + [f"unknown column {name!r}" for name in unknown]
        raise UsageError(f"{path}: not a results table of this version: {'; '.join(faults)}")
    rows, faults = [], []
    for line, record in records:
        if None in record or None in record.values():  # e.g. a table that was cut off, whose last figure is cut too
            count = sum(cell is not None for cell in record.values()) + len(record.get(None, ())) - (None in record)
            faults.append(f"{path}:{line}: expected {len(columns)} cells as in the header, found {count}")
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
    return tuple(rows if "wh_per_1000_queries" in columns else map(_convert_published_row, rows))


def _convert_published_row(row: ResultRow) -> ResultRow:
    """Return the row with the energy of 1,000 queries, which the published tool has no column for.

    Its 0 Wh means that the meter did not start (INTERFACE.md, "Known faults"), so it is unknown.
    """
    gpu_energy_wh = row.gpu_energy_wh or None
    per_query_wh = quotient(gpu_energy_wh, row.successful_prompts)
    return row.model_copy(update={"gpu_energy_wh": gpu_energy_wh, "wh_per_1000_queries": product(per_query_wh, 1000)})


def _value(column: str, cell: str | None) -> str | None:
    """Return the text that was written as ``cell``: an escaped formula is unescaped, an empty cell is None or empty."""
    if not cell:
        return "" if column in _NEVER_NONE else None
    return cell[1:] if cell[0] == "'" and cell[1:].startswith(FORMULA_STARTS) else cell
