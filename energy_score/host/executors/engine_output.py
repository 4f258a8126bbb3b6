"""The output of an engine process: events on its standard output, its log on standard error.

Model code and libraries write to both as well, so nothing can be taken for granted: neither the content of an object
with an ``event``, nor that a line ever ends.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from energy_score.contract.foreign_json import parse_json

OnEvent = Callable[[Mapping[str, Any]], None]
OnLogLine = Callable[[str], None]


# Larger than any event, and small enough to keep in memory.
_LINE_MAX_BYTES = 2**20
_WORD = re.compile(r"[a-z_ ]{1,32}", re.ASCII)
_TOO_MUCH = 10**15  # of queries, of joules


def dispatch(line: str, on_event: OnEvent, on_log_line: OnLogLine) -> None:
    """Pass an event to ``on_event``, and anything else that was printed to standard output to the log."""
    try:
        content = parse_json(line)
    except ValueError:
        content = None
    fields = _FIELDS.get(str(content.get("event"))) if isinstance(content, dict) else None
    if fields is not None and all(is_valid(content.get(name)) for name, is_valid in fields.items()):
        on_event({"event": content["event"], **{name: content[name] for name in fields if name in content}})
    elif line.strip():
        on_log_line(line)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _TOO_MUCH


def _is_figure(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and -_TOO_MUCH < value < _TOO_MUCH)


# The events of an engine, and the allowed values of their fields.
_FIELDS: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "stage": {"stage": _is_word},
    "progress": {
        "phase": _is_word,
        "queries_done": _is_count,
        "queries_planned": _is_count,
        "gpu_energy_j": _is_figure,
        "cpu_energy_j": _is_figure,
        "gpu_power_w": _is_figure,
    },
}


class LineFeed:
    """Split a byte stream into lines for ``on_line``, and count them, so that a broken stream can be continued."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._seen_count = 0
        self._skip_count = 0

    def replayed_from_start(self) -> None:
        """Prepare for the stream to start again from its beginning: skip as many lines as were already seen."""
        self._rest = b""
        self._skip_count = self._seen_count

    def feed(self, data: bytes) -> None:
        """Process the next bytes and pass on every complete line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hand_on(line)
        if len(self._rest) > _LINE_MAX_BYTES:
            self._hand_on(self._rest)
            self._rest = b""

    def close(self) -> None:
        """Pass on the rest, a line without an end."""
        if self._rest:
            self._hand_on(self._rest)
            self._rest = b""

    def _hand_on(self, line: bytes) -> None:
        if self._skip_count:
            self._skip_count -= 1
            return
        self._seen_count += 1
        self._on_line(line.decode("utf-8", errors="replace").rstrip("\r"))
