"""What an engine process says: events on its standard output, its log on standard error."""

import json
from collections.abc import Callable, Mapping
from typing import Any

OnEvent = Callable[[Mapping[str, Any]], None]
OnLogLine = Callable[[str], None]


def dispatch(line: str, on_event: OnEvent, on_log_line: OnLogLine) -> None:
    """Give an event to ``on_event``, and what a library printed to standard output to the log."""
    try:
        content = json.loads(line)
    except ValueError:
        content = None
    if isinstance(content, dict) and "event" in content:
        on_event(content)
    elif line.strip():
        on_log_line(line)


class LineFeed:
    """Cuts a byte stream into lines for ``on_line``, and counts them, so that a stream that broke off can go on."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""
        self._seen_count = 0
        self._skip_count = 0

    def replayed_from_start(self) -> None:
        """The stream comes again from its beginning: pass over as many lines as were seen."""
        self._rest = b""
        self._skip_count = self._seen_count

    def feed(self, data: bytes) -> None:
        """Take the next bytes and hand on every line that is whole now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hand_on(line)

    def close(self) -> None:
        """Hand on what is left, a line that was never ended."""
        if self._rest:
            self._hand_on(self._rest)
            self._rest = b""

    def _hand_on(self, line: bytes) -> None:
        if self._skip_count:
            self._skip_count -= 1
            return
        self._seen_count += 1
        self._on_line(line.decode("utf-8", errors="replace").rstrip("\r"))
