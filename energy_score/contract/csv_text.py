"""Tables as CSV text that opens the same everywhere: no cell is run as a formula, no cell breaks its line."""

import csv
import functools
import io
import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from energy_score.contract.plain_text import one_line, without_secrets
from energy_score.contract.record import with_offset

# What makes a spreadsheet run a cell (OWASP, "CSV Injection"), the full-width forms included.
# Tab and carriage return count among them too, but begin no cell once it is one line.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def table_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    r"""The table as such text: each row's values become cells, lines are ended by ``\n``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return text.getvalue()


def cell(value: object) -> str:
    """``value`` as a cell: None and what is no number are empty; times are ISO 8601 with seconds and UTC offset.

    Text that a spreadsheet would run gets a leading ``'``; line breaks and control characters become spaces.
    """
    match value:
        case None:
            return ""
        case str():
            return _text_cell(value)
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if math.isfinite(value) else ""
        case datetime():
            return with_offset(value).isoformat(timespec="seconds")
        case _:
            return str(value)


@functools.lru_cache(maxsize=4096)  # most text of a table (task, data set, hardware) is the same in every row
def _text_cell(text: str) -> str:
    line = without_secrets(one_line(text))
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line
