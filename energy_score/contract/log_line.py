"""The format of every log line, ``[YYYY-MM-DD HH:MM:SS] LEVEL: message``; the engine and the host write the same."""

import logging
import os
import re
from datetime import datetime
from types import TracebackType

from energy_score.contract.plain_text import one_line, without_secrets

_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_IN_FORMAT = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:DEBUG|INFO|WARNING|ERROR|CRITICAL): ")
# A progress bar that never breaks its line must not fill the disk.
_LINE_MAX_CHARACTERS = 8000
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class LineFormatter(logging.Formatter):
    """Formats a record as one line; the lines of a traceback follow indented, so that none can pass for a record."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s: %(message)s", _TIME_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class names it
        """The record's line, without control characters and secrets."""
        return safe_line(super().formatMessage(record))

    def formatException(  # noqa: N802 - the base class names it
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """The traceback, each line indented and made safe."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(" " * (4 + len(line) - len(line.lstrip(" "))) + safe_line(line) for line in lines)


def log_line(text: str, *, level: str = "INFO") -> str:
    """``text`` as one line of a log: as it is where it has the format, else with the time of now and ``level``."""
    line = safe_line(text)
    return line if _IN_FORMAT.match(line) else f"[{datetime.now().astimezone():{_TIME_FORMAT}}] {level}: {line}"


def safe_line(text: str) -> str:
    """``text`` on one line, without terminal escapes and access tokens, cut where it is longer than any message."""
    line = without_secrets(one_line(text), filter(None, map(os.environ.get, _TOKEN_VARIABLES)))
    if len(line) <= _LINE_MAX_CHARACTERS:
        return line
    return f"{line[:_LINE_MAX_CHARACTERS]} [{len(line) - _LINE_MAX_CHARACTERS} characters cut]"
