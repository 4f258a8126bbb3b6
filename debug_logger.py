"""Console and per-run log set-up: one line per event, ``[YYYY-MM-DD HH:MM:SS] LEVEL: message``."""

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
# A file name has 255 bytes, ".log" included.
_NAME_MAX_BYTES = 240
# A file that holds no more than the note about its predecessor is not turned over again, however small the limit.
_ROTATION_NOTE_BYTES = 400
_CONSOLE_HANDLER = "energy_score.console"


def configure_console(level: int | str = logging.INFO, *, stream: TextIO | None = None) -> logging.Handler:
    """The handler that writes the log to ``stream`` (standard error); an earlier one of ours is gone."""
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
    """The log of one run, ``logs/{run_id}.log`` under the output directory, open for appending.

    It may be used from several threads. A disk that cannot be written costs lines, counted in ``lost_line_count``,
    and never the run. ``tail`` holds the last 40 lines, written or lost. A file that has ``max_bytes`` becomes
    ``{run_id}.log.1``, in place of an earlier one; the new file's first line says so, and how much is gone with it.
    """

    def __init__(self, output_directory: Path, run_id: str, *, max_bytes: int = 20_000_000) -> None:
        # The run id is made from the model's name: no separator in it may lead out of the directory.
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
        """The last lines, oldest first."""
        with self._lock:
            return tuple(self._tail)

    def line(self, text: str, *, level: str = "INFO") -> None:
        """Append ``text`` as one line; a line that has the log's format already keeps its time and level."""
        line = log_line(text, level=level)
        with self._lock:
            self._tail.append(line)
            gap = self._lost_in_a_row
            if gap:
                note = log_line(f"{gap} lines of this log are lost: it could not be written", level="WARNING")
                self._lost_in_a_row = 0 if self._write(note) else gap
            if not self._write(line):
                self.lost_line_count += 1
                self._lost_in_a_row += 1

    def close(self) -> None:
        """Close the file; later lines only reach the tail, and count as lost."""
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
        """Whether the whole line is in the file now."""
        if self._is_closed:
            return False
        # What a full disk cut off stays a line of its own.
        data = (("\n" if self._is_inside_line else "") + line + "\n").encode()
        try:
            descriptor = self._open()
            if self._size_bytes + len(data) > self._max_bytes and self._size_bytes > _ROTATION_NOTE_BYTES:
                descriptor = self._rotated()
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

    def _rotated(self) -> int:
        """The descriptor of a fresh file that says what became of the lines before it."""
        earlier = self.path.with_name(f"{self.path.name}.1")
        gone_bytes = earlier.stat().st_size if earlier.exists() else 0
        self.path.replace(earlier)
        os.close(self._open())
        self._descriptor = None
        self._is_inside_line = False
        gone = f"; {gone_bytes} bytes before those are gone" if gone_bytes else ""
        note = log_line(f"this log goes on from {earlier.name}{gone}", level="WARNING")
        descriptor = self._open()
        self._size_bytes = os.write(descriptor, f"{note}\n".encode())
        return descriptor
