"""Set up console and run logs: one line per event, ``[YYYY-MM-DD HH:MM:SS] LEVEL: message``."""

import logging
import os
import re
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Self, TextIO

from energy_score.contract.log_line import LineFormatter, log_line

# Enough for a Python traceback with its context.
_TAIL_LINES = 40
# A file name can have 255 bytes, including ".log".
_NAME_MAX_BYTES = 240
# Do not rotate a file that contains only the note about its predecessor, however small the limit.
_ROTATION_NOTE_BYTES = 400
_CONSOLE_HANDLER = "energy_score.console"


def configure_console(level: int | str = logging.INFO, *, stream: TextIO | None = None) -> logging.Handler:
    """Set up and return the handler that logs to ``stream`` (standard error); it replaces an earlier one."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.get_name() == _CONSOLE_HANDLER:
            root.removeHandler(handler)
    console = logging.StreamHandler(stream or sys.stderr)
    console.set_name(_CONSOLE_HANDLER)
    console.setFormatter(LineFormatter())
    root.addHandler(console)
    root.setLevel(level)
    return console


class RunLog:
    """The log of one run, ``logs/{run_id}.log`` in the output directory, open for appending.

    It can be used from several threads. If the disk cannot be written, lines are lost and counted in
    ``lost_line_count``, but the run continues. ``tail`` has the last 40 lines, written or lost. When a file reaches
    ``max_bytes``, it becomes ``{run_id}.log.1``, replacing an earlier one; the new file's first line says so, and how
    many bytes were dropped.
    """

    def __init__(self, output_directory: Path, run_id: str, *, max_bytes: int = 20_000_000) -> None:
        # The run id comes from the model's name: separators in it must not lead out of the directory.
        name = re.sub(r"[^\w.+=@,-]", "_", run_id, flags=re.ASCII).lstrip(".")[:_NAME_MAX_BYTES]
        self.path = output_directory / "logs" / f"{name}.log"
        self.lost_line_count = 0
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._lost_in_a_row = 0
        self._is_inside_line = False
        self._is_closed = False

    @property
    def tail(self) -> tuple[str, ...]:
        """Return the last lines, oldest first."""
        with self._lock:
            return tuple(self._tail)

    def line(self, text: str, *, level: str = "INFO") -> None:
        """Append ``text`` as one line; a line in the log's format keeps its time and level."""
        line = log_line(text, level=level)
        with self._lock:
            self._tail.append(line)
            gap = self._lost_in_a_row
            if gap:
                note = log_line(f"{gap} lines of this log were lost because it could not be written", level="WARNING")
                self._lost_in_a_row = 0 if self._write(note) else gap
            if not self._write(line):
                self.lost_line_count += 1
                self._lost_in_a_row += 1

    def close(self) -> None:
        """Close the file; later lines are only added to the tail, and count as lost."""
        with self._lock:
            self._is_closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: str) -> bool:
        """Write the line, and return whether all of it is in the file."""
        if self._is_closed:
            return False
        # If a full disk cut the last line off, start a new one.
        data = (("\n" if self._is_inside_line else "") + line + "\n").encode()
        try:
            descriptor = self._open()
            if self._size_bytes + len(data) > self._max_bytes and self._size_bytes > _ROTATION_NOTE_BYTES:
                descriptor = self._rotate()
            written_bytes = os.write(descriptor, data)
        except OSError:
            return False
        self._size_bytes += written_bytes
        self._is_inside_line = written_bytes < len(data)
        return not self._is_inside_line

    def _open(self) -> int:
        if self._descriptor is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size_bytes = os.fstat(self._descriptor).st_size
        return self._descriptor

    def _rotate(self) -> int:
        """Start a new file with a note about the earlier lines, and return its descriptor."""
        earlier = self.path.with_name(f"{self.path.name}.1")
        gone_bytes = earlier.stat().st_size if earlier.exists() else 0
        self.path.replace(earlier)
        os.close(self._open())
        self._descriptor = None
        self._is_inside_line = False
        gone = f"; {gone_bytes} earlier bytes were dropped" if gone_bytes else ""
        note = log_line(f"this log continues {earlier.name}{gone}", level="WARNING")
        descriptor = self._open()
        self._size_bytes = os.write(descriptor, f"{note}\n".encode())
        return descriptor
