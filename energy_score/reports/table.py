"""Tables of results, written for a terminal, as Markdown, as CSV and as JSON."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from energy_score.contract.csv_text import table_text
from energy_score.contract.log_line import safe_line
from energy_score.contract.plain_text import format_json
from energy_score.reports.terminal_table import print_table

Format = Literal["table", "json", "markdown", "csv"]


@dataclass(frozen=True)
class Table:
    """Rows of text under one header, and the same as ``objects`` with every digit; ``notes`` are written below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    objects: tuple[dict[str, Any], ...] = ()


def markdown(table: Table) -> str:
    """Return the table as GitHub Markdown, with its cells escaped."""
    lines = [f"### {_cell(table.title)}", ""] if table.title else []
    lines += [_line([_cell(name) for name in table.header]), _line(["---"] * len(table.header))]
    lines += [_line([_cell(cell) for cell in row]) for row in table.rows]
    if table.notes:
        lines += ["", *(f"- {_cell(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def write(tables: Sequence[Table], form: Format) -> None:
    """Write the tables to standard output; as JSON one list of tables, as CSV one table of all their objects."""
    if form == "csv":
        _write_csv(tables)
        return
    if form == "json":
        content = [{"title": one.title, "rows": one.objects, "notes": one.notes} for one in tables]
        sys.stdout.write(format_json(content, indent=1) + "\n")
        return
    if form == "markdown":
        sys.stdout.write("\n".join(markdown(table) for table in tables))
        return
    for table in tables:
        if table.title:
            sys.stdout.write(f"{safe_line(table.title)}\n")
        print_table(table.header, table.rows, stream=sys.stdout)
        sys.stdout.writelines(f"note: {safe_line(note)}\n" for note in table.notes)


def write_lines(table: Table, form: Format) -> None:
    """Write one table as ``write`` does, but as JSON one object a line, so that each line can be read on its own."""
    if form == "json":
        sys.stdout.writelines(f"{format_json(one)}\n" for one in table.objects)
    else:
        write([table], form)


def _write_csv(tables: Sequence[Table]) -> None:
    """Write every object as a row, with all digits; with several tables a first column says which it belongs to."""
    rows = [({"table": table.title} if len(tables) > 1 else {}) | one for table in tables for one in table.objects]
    names = list(dict.fromkeys(name for row in rows for name in row))
    sys.stdout.write(table_text(names, [[_as_csv_value(row.get(name)) for name in names] for row in rows]))


def _as_csv_value(value: object) -> object:
    return json.dumps(value) if isinstance(value, (dict, list, tuple)) else value


def figure(value: float | None, *, digits: int = 4, unit: str = "") -> str:
    """Return the number with ``digits`` significant digits, large ones in full; empty if unknown."""
    if value is None:
        return ""
    rounded = f"{value:.{digits}g}"
    return f"{rounded if abs(value) < 1 or not math.isfinite(value) else f'{float(rounded):.15g}'}{unit}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return the text on one line, with Markdown and HTML escaped."""
    line = " ".join(safe_line(text).split())
    for character in "\\`*_{}[]<>#|~":
        line = line.replace(character, f"\\{character}")
    return line


def figure_with_interval(value: float, half_width: float | None) -> str:
    """Return ``value ± half_width``, both to the second digit of the half-width; without one, ``value`` in six digits.

    Source: JCGM 100:2008 ("GUM"), 7.2.6: an uncertainty has at most two digits, and its estimate no more decimals.
    """
    if half_width is None or not math.isfinite(half_width) or half_width <= 0:
        return f"{value:.6g}"
    decimals = 1 - int(f"{half_width:.1e}".partition("e")[2])  # of the rounded figure: 0.0999 is 0.10
    if decimals < 0:  # tens and more: round both alike, and write no decimals
        return f"{round(value, decimals):.0f} ± {round(half_width, decimals):.0f}"
    return f"{value:.{decimals}f} ± {half_width:.{decimals}f}"
