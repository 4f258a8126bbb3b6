"""The option values that click has no type for; a function of the text is one too, and called as a type.

Imports nothing heavy: it is on the way to ``--help``.
"""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import click

from energy_score.contract.extensions import extension_names_quickly

# Three years; what waits for longer overflows a clock of the system's before it ends.
LONGEST_S = 10**8
# How files of spreadsheet programs end.
SHEET_ENDINGS = (".csv", ".tsv", ".xlsx", ".ods")
N = TypeVar("N", int, float)


class _Number(click.ParamType[N], Generic[N]):
    """A finite number from ``min`` to ``max``; ``min_open``: greater than ``min``."""

    kind: type[N]

    def __init__(self, *, min: N | None = None, max: N | None = None, min_open: bool = False) -> None:  # noqa: A002 - as click
        self._min: N | None = min
        self._max: N | None = max
        self._min_open = min_open

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> N:
        """Return the number; click.BadParameter if it is none, or out of range."""
        try:
            number = self.kind(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a {self.name}. Use {self._expected()}.", param, ctx)
        if math.isnan(number) or (self._min is not None and (number < self._min or self._is_open_end(number))):
            self.fail(f"{value} is out of range. Use {self._expected()}.", param, ctx)
        if self._max is not None and number > self._max:
            self.fail(f"{value} is out of range. Use at most {self._max:.10g}.", param, ctx)
        return number

    def _is_open_end(self, number: N) -> bool:
        return self._min_open and number == self._min

    def _expected(self) -> str:
        if self._min is None:
            return f"a {self.name}"
        return (
            f"a {self.name} greater than {self._min:g}" if self._min_open else f"a {self.name}, {self._min:g} or more"
        )


class WholeNumber(_Number[int]):
    """A whole number in a range."""

    name = "whole number"
    kind = int


class NumberRange(_Number[float]):
    """A number in a range; ``nan`` and ``inf`` are in none."""

    name = "number"
    kind = float


def memory_size(text: str) -> str:
    """Return a size as Docker reads it: a number with b, k, m or g.

    Raises:
        click.BadParameter: It is not a size.
    """
    if re.fullmatch(r"\d+(\.\d+)?\s*([bkmgt]b?)?", text.strip().lower()) and float(re.findall(r"[\d.]+", text)[0]) > 0:
        return text.strip()
    raise click.BadParameter(f"{text!r} is not a size. Use a number with b, k, m or g, such as 48g.")


# A key of a click context's ``meta``: what is shown is kept, and must not depend on what is installed here.
OWN_PARTS_ALONE = "energy_score.own_parts_alone"


class PartName(click.ParamType[str]):
    """The name of a part: one of ours, or one that an installed package adds to ``group``.

    Help and messages list all of them. Without ``is_final`` no name is refused here: what a name may hold (a file, say)
    is known where it is resolved.
    """

    name = "name"

    def __init__(self, own: Sequence[str], group: str, *, further: Sequence[str] = (), is_final: bool = True) -> None:
        self._own, self._group, self._further, self._is_final = tuple(own), group, tuple(further), is_final

    def names(self, *, own_alone: bool = False) -> tuple[str, ...]:
        """Return every name that there is now, or those of this program alone."""
        return (*self._own, *(() if own_alone else extension_names_quickly(self._group)), *self._further)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the names, as click shows choices; a page that is written once has those of this program alone."""
        del param
        return f"[{'|'.join(self.names(own_alone=OWN_PARTS_ALONE in ctx.meta))}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; raise click.BadParameter if the part does not exist."""
        if self._is_final and value not in self.names():
            self.fail(f"{value!r} is not one of {', '.join(self.names())}", param, ctx)
        return str(value)


def refuse_spreadsheet(name: str, remedy: str) -> None:
    """Return if a model's ``name`` is not that of a spreadsheet; ``remedy`` says how its rows are named.

    Raises:
        click.UsageError: It is.
    """
    if Path(name).suffix.lower() in SHEET_ENDINGS:
        raise click.UsageError(f"{name} is a spreadsheet, not a model. {remedy}")


def model_class(text: str) -> str:
    """A, B or C, in upper case.

    Raises:
        click.BadParameter: it is none of them.
    """
    letter = text.strip().upper()
    if letter not in ("A", "B", "C"):
        raise click.BadParameter(f"{text!r} is not a class. Use A, B or C.")
    return letter


def repeat_count(text: str) -> int | Literal["auto"]:
    """A whole number from 1, or ``auto`` in any case.

    Raises:
        click.BadParameter: it is neither; the message says what is valid.
    """
    word = text.strip().lower()
    if word == "auto":
        return "auto"
    if word.isascii() and word.isdecimal() and int(word) >= 1:
        return int(word)
    raise click.BadParameter(f"{text!r} is not a number of repeats. Use a whole number, 1 or more, or auto.")


def share(text: str) -> float:
    """A part of a whole, between 0 and 1, of a percentage (``1%``) or a fraction (``0.01``).

    Raises:
        click.BadParameter: it is not between 0 and 1, as a bare ``1`` is not, which could be meant either way.
    """
    number, is_percentage = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        part = float(number) / (100 if is_percentage else 1)
    except ValueError:
        part = math.nan
    if 0 < part < 1:
        return part
    raise click.BadParameter(f"{text!r} is not between 0 and 1. Use a percentage (1%) or a fraction (0.01).")


def snapshot_name(text: str) -> str:
    """A name as a snapshot's record takes it.

    Raises:
        click.BadParameter: it is none; the message says what is valid.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        return text
    raise click.BadParameter(f"{text!r} is not a name. Use up to 64 letters, digits, dots, dashes and underscores.")


def day_or_month(text: str) -> str:
    """A day or a month of the calendar, as it is written.

    Raises:
        click.BadParameter: it is neither; the message says what is valid.
    """
    for form, length in (("%Y-%m-%d", 10), ("%Y-%m", 7)):
        with suppress(ValueError):
            if len(text) == length and datetime.strptime(text, form):  # noqa: DTZ007 - a date has no zone
                return text
    raise click.BadParameter(f"{text!r} is not a date. Use a day (2026-11-24) or a month (2026-11).")
