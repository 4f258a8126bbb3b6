"""Findings for people: a table on a terminal, aligned lines in a pipe."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import click


class Found(Protocol):
    """What a machine's probe or a model's rule found, and what to do about it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def found(self) -> str: ...  # noqa: D102
    @property
    def remedy(self) -> str: ...  # noqa: D102


def show_findings(found: Sequence[Found], *, colours: Mapping[str, str], indent: str = "") -> None:
    """The findings as standard output takes them: a table on a terminal, else lines that begin with ``indent``."""
    if sys.stdout.isatty():
        print_findings(found, colours=colours)
        return
    for line in plain_lines(found):
        click.echo(f"{indent}{line}")


def plain_lines(found: Iterable[Found]) -> Iterator[str]:
    """The findings as aligned lines, each remedy on a line of its own."""
    found = list(found)
    width = max((len(one.name) for one in found), default=0)
    status_width = max((len(one.status) for one in found), default=0)
    for one in found:
        yield f"{one.status:<{status_width}}  {one.name:<{width}}  {one.found}"
        if one.remedy:
            yield f"{'':<{status_width}}  {'':<{width}}  -> {one.remedy}"


def print_findings(found: Iterable[Found], *, colours: Mapping[str, str]) -> None:
    """The findings as a table on the terminal, each status in its colour."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in ("", "", "Found", "What to do"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(Text(one.status, style=colours[one.status]), Text(one.name), Text(one.found), Text(one.remedy))
    Console(highlight=False).print(table)
