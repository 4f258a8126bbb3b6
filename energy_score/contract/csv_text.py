"""CSV text that is safe to open: no cell runs as a formula, and no cell contains a line break."""

import csv
import functools
import io
import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from energy_score.contract.plain_text import one_line, without_secrets
from energy_score.contract.record import with_offset

# What makes a spreadsheet program run a cell (OWASP, "CSV Injection"), including full-width forms.
# Tab and carriage return are on that list too, but no cell starts with one after line breaks are replaced.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def table_text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    r"""Return the table as CSV text, with lines ended by ``\n``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return text.getvalue()


def cell(value: object) -> str:
    """Return ``value`` as a cell: empty for None and NaN; times as ISO 8601 with seconds and UTC offset.

    Text that a spreadsheet program would run gets a leading ``'``; line breaks and control characters become spaces.
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


@functools.lru_cache(maxsize=4096)  # most texts of a table (task, dataset, hardware) are the same in every row
def _text_cell(text: str) -> str:
    line = without_secrets(one_line(text))
    return f"'{line}" if line.startswith(FORMULA_STARTS) else line
