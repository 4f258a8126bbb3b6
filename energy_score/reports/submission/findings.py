"""What a verification finds, and the one comparison that all of its checks make."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from energy_score.contract.plain_text import one_line, shortened
from energy_score.contract.record import Record

# Figures are derived by the code that made them from numbers that JSON keeps exactly; other versions of Python may sum
# and round in another order.
_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-9
# No time, energy or count of a run is larger; beyond it arithmetic would overflow where a figure should be.
_LARGEST_NUMBER = 1e15
_SHOWN_CHARACTERS = 200
_FRACTION = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the file, the field in it (empty for all of it), and what was expected instead."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        """The finding on one line."""
        return ": ".join(filter(None, (self.file, self.field, self.message)))


def finding(file: str, message: str, *, field: str = "") -> Finding:
    """A finding whose texts, which may come from the bundle, are safe to print and not too long."""
    return Finding(_shown(file), _shown(field), one_line(message)[: 4 * _SHOWN_CHARACTERS])


def differences(file: str, stated: object, derived: object, *, source: str, field: str = "") -> Iterator[Finding]:
    """A finding for each value of ``stated`` that is not the one of ``derived``, the same in form.

    Both are what JSON can hold. ``source`` names what ``derived`` follows from. Numbers may differ by rounding.
    """
    if isinstance(stated, dict) and isinstance(derived, dict):
        for key in dict.fromkeys((*derived, *stated)):
            path = f"{field}.{key}" if field else str(key)
            yield from differences(file, stated.get(key), derived.get(key), source=source, field=path)
    elif isinstance(stated, list) and isinstance(derived, list) and len(stated) == len(derived):
        for index, (one, other) in enumerate(zip(stated, derived, strict=True)):
            yield from differences(file, one, other, source=source, field=f"{field}[{index}]")
    elif not _same(stated, derived):
        message = f"{_shown(stated)} stands there, and {_shown(derived)} follows from {source}"
        yield finding(file, message, field=field)


def strange_values(file: str, record: Record) -> Iterator[Finding]:
    """A finding for each number of ``record`` that no run can have, and no figure can be made of."""
    for field, value in _leaves(record.model_dump(), ""):
        match value:
            case bool():
                continue
            case int() | float() if not abs(value) <= _LARGEST_NUMBER:  # not a number compares with nothing
                yield finding(file, "no number that a run can have", field=field)


def same_text(stated: str, derived: str) -> bool:
    """Whether both are one text, but for rounding in numbers that have a fraction."""
    if stated == derived:
        return True
    numbers = zip(_FRACTION.findall(stated), _FRACTION.findall(derived), strict=False)
    return _FRACTION.sub("", stated) == _FRACTION.sub("", derived) and all(
        _same(float(one), float(other)) for one, other in numbers
    )


def _same(stated: object, derived: object) -> bool:
    numbers = (int, float)
    if isinstance(stated, bool) or isinstance(derived, bool):
        return stated is derived
    if isinstance(stated, numbers) and isinstance(derived, numbers):
        return math.isclose(stated, derived, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)
    return stated == derived


def _leaves(value: object, field: str) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, one in value.items():
                yield from _leaves(one, f"{field}.{key}" if field else str(key))
        case list() | tuple():
            for index, one in enumerate(value):
                yield from _leaves(one, f"{field}[{index}]")
        case _:
            yield field, value


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return shortened(json.dumps(value) if isinstance(value, dict | list) else str(value), _SHOWN_CHARACTERS)
