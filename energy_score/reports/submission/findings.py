"""The findings of a verification, and the comparison that all of its checks use."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from energy_score.contract.plain_text import one_line, shorten
from energy_score.contract.record import Record

# Figures are recomputed by the code that made them, from numbers that JSON stores exactly. Other versions of Python can
# sum and round in another order.
_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-9
# No time, energy or count of a run is larger; beyond it, arithmetic would overflow.
_LARGEST_NUMBER = 1e15
_SHOWN_CHARACTERS = 200
_FRACTION = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+")


@dataclass(frozen=True)
class Finding:
    """One error: the file, the field in it (empty for the whole file), and the expected value."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        """Return the finding on one line."""
        return ": ".join(filter(None, (self.file, self.field, self.message)))


def finding(file: str, message: str, *, field: str = "") -> Finding:
    """Return a finding whose texts, which can come from the bundle, are safe to print and not too long."""
    return Finding(_shown(file), _shown(field), one_line(message)[: 4 * _SHOWN_CHARACTERS])


def differences(file: str, stated: object, derived: object, *, source: str, field: str = "") -> Iterator[Finding]:
    """Yield a finding for each value of ``stated`` that differs from ``derived``, which has the same structure.

    Both are JSON values. ``source`` names where ``derived`` comes from. Numbers can differ by rounding.
    """
    if isinstance(stated, dict) and isinstance(derived, dict):
        for key in dict.fromkeys((*derived, *stated)):
            path = f"{field}.{key}" if field else str(key)
            yield from differences(file, stated.get(key), derived.get(key), source=source, field=path)
    elif isinstance(stated, list) and isinstance(derived, list) and len(stated) == len(derived):
        for index, (one, other) in enumerate(zip(stated, derived, strict=True)):
            yield from differences(file, one, other, source=source, field=f"{field}[{index}]")
    elif not _same(stated, derived):
        message = f"found {_shown(stated)}, expected {_shown(derived)} from {source}"
        yield finding(file, message, field=field)


def strange_values(file: str, record: Record) -> Iterator[Finding]:
    """Yield a finding for each number of ``record`` that no run can have, and that cannot be used in calculations."""
    for field, value in _leaves(record.model_dump(), ""):
        match value:
            case bool():
                continue
            case int() | float() if not abs(value) <= _LARGEST_NUMBER:  # NaN compares false with everything
                yield finding(file, "not a number that a run can have", field=field)


def same_text(stated: str, derived: str) -> bool:
    """Return whether both texts are the same, except for rounding in numbers with a decimal point."""
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
    return shorten(json.dumps(value) if isinstance(value, dict | list) else str(value), _SHOWN_CHARACTERS)
