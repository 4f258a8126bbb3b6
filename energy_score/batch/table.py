"""A table for people: drawn on a terminal, tab-separated in a pipe. A cell stays on its line, whatever it holds."""

from collections.abc import Sequence
from typing import TextIO

from energy_score.contract.log_line import safe_line


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, stream: TextIO) -> None:
    """Write ``rows`` under ``header`` to ``stream``."""
    if stream.isatty():
        from rich import box  # noqa: PLC0415 - only a terminal needs it
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(*header, box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*(Text(safe_line(cell)) for cell in row))
        Console(file=stream).print(table)
        return
    stream.writelines("\t".join(" ".join(safe_line(cell).split()) for cell in line) + "\n" for line in (header, *rows))
    stream.flush()
