"""Print a table: drawn on a terminal, tab-separated in a pipe. Every cell stays on its line."""

from collections.abc import Sequence
from typing import TextIO

from energy_score.contract.log_line import safe_line

# With fewer characters per column, words are torn apart; rows are then printed from top to bottom.
_LEAST_COLUMN_WIDTH = 10


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, stream: TextIO) -> None:
    """Write ``rows`` under ``header`` to ``stream``; no cell is cut, however narrow the terminal is."""
    if stream.isatty():
        from rich import box  # noqa: PLC0415 - only a terminal needs it
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        console = Console(file=stream)
        if console.width < _LEAST_COLUMN_WIDTH * len(header):
            stream.writelines(_from_top_to_bottom(header, rows))
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in header:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text(safe_line(cell)) for cell in row))
        console.print(table)
        return
    stream.writelines("\t".join(" ".join(safe_line(cell).split()) for cell in line) + "\n" for line in (header, *rows))
    stream.flush()


def _from_top_to_bottom(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return each row as one line for each non-empty cell, followed by an empty line."""
    told = [[f"{name}: {safe_line(cell)}\n" for name, cell in zip(header, row, strict=True) if cell] for row in rows]
    return [line for lines in told for line in (*lines, "\n")]
