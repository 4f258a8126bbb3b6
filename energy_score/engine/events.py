"""The events from a running engine to its host: one JSON object per line on standard output."""

import json
import sys
import time
from collections.abc import Callable
from typing import TextIO

# Often enough for a live view, rarely enough to cost nothing compared with a query.
_PROGRESS_INTERVAL_S = 0.5


class EventStream:
    """Write events; if the host stops reading, the run continues."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last_progress_s = 0.0

    def emit(self, event: str, **fields: object) -> None:
        """Write one event with the given name."""
        try:
            self._stream.write(json.dumps({"event": event, **fields}) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the pipe is closed: the host has stopped reading
            return

    def progress(self, fields: Callable[[], dict[str, object]]) -> None:
        """Write a ``progress`` event, unless the last one is too recent; then ``fields`` is not called."""
        now_s = time.monotonic()
        if now_s - self._last_progress_s >= _PROGRESS_INTERVAL_S:
            self._last_progress_s = now_s
            self.emit("progress", **fields())
