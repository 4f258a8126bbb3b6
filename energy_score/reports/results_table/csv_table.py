"""The rows of the results table as CSV text."""

from collections.abc import Iterable

from energy_score.contract.csv_text import table_text
from energy_score.reports.results_table.result_row import ResultRow

COLUMNS = tuple(ResultRow.model_fields)


def csv_text(rows: Iterable[ResultRow]) -> str:
    r"""Return the table with its header, with lines ended by ``\n``."""
    return table_text(COLUMNS, ([getattr(row, column) for column in COLUMNS] for row in rows))
