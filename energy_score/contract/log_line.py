"""The format of all log lines, ``[YYYY-MM-DD HH:MM:SS] LEVEL: message``, used by engine and host."""

import logging
import os
import re
from collections.abc import Iterator
from datetime import datetime

from energy_score.contract.plain_text import one_line, without_secrets

_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_IN_FORMAT = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:DEBUG|INFO|WARNING|ERROR|CRITICAL): ")
# A progress bar without line breaks must not fill the disk.
_LINE_MAX_CHARACTERS = 8000
_SECRET_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "VLLM_API_KEY")


class LineFormatter(logging.Formatter):
    """Format a record as one line. Traceback lines are indented, so that they cannot look like a record."""

    def __init__(self) -> None:
        super().__init__("[%(asctime)s] %(levelname)s: %(message)s", _TIME_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line and traceback, without control characters and secrets."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        # Do not use the record's cached text: another handler's formatter may have written it.
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([safe_line(self.formatMessage(record)), *map(_indent, traceback.splitlines())])


def log_line(text: str, *, level: str = "INFO") -> str:
    """Return ``text`` as a log line: unchanged if it has the format, otherwise with the current time and ``level``."""
    line = safe_line(text)
    return line if _IN_FORMAT.match(line) else f"[{datetime.now().astimezone():{_TIME_FORMAT}}] {level}: {line}"


def safe_line(text: str) -> str:
    """Return ``text`` on one line, without terminal escapes and access tokens, and cut to a maximum length."""
    line = without_secrets(one_line(text), _secrets())
    if len(line) <= _LINE_MAX_CHARACTERS:
        return line
    return f"{line[:_LINE_MAX_CHARACTERS]} [{len(line) - _LINE_MAX_CHARACTERS} characters cut]"


def holds_secret(text: str) -> bool:
    """Return whether ``text`` contains an access token, or the value of one of the environment's keys."""
    return without_secrets(text, _secrets()) != text


def _secrets() -> Iterator[str]:
    return filter(None, map(os.environ.get, _SECRET_VARIABLES))


def _indent(line: str) -> str:
    return " " * (4 + len(line) - len(line.lstrip(" "))) + safe_line(line)
