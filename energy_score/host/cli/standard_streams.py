"""The program's own standard streams: one that is missing, one whose reader has left, one whose disk is full."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from energy_score.contract.errors import ExitCode
from energy_score.contract.log_line import safe_line


def have_streams() -> None:
    """From now on whatever is written can be: a stream that is missing (``>&-``) is there, and takes every character.

    Those that a terminal's encoding does not have are escaped, as Python does on standard error.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """What is written in the context may have no reader any more (``| head``): he has what he wanted."""
    try:
        yield
    except BrokenPipeError:
        settle_streams()


def settle_streams() -> None:
    """Write out what is left; a stream that cannot be written is silent from now on, and Python's end with it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(message: str) -> None:
    """Write ``message`` to standard error, if that can be written; each line is made safe and keeps its indentation."""
    with suppress(OSError):
        sys.stderr.write("".join(f"{_safe_indented(line)}\n" for line in message.split("\n")))
        sys.stderr.flush()


def _safe_indented(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + safe_line(line)


def fault_of_the_system(error: OSError) -> ExitCode:
    """Say which file could not be read or written, and why; the exit code. Without a name it is standard output."""
    if error.strerror is None:  # a library's own words
        say(f"error: {error}")
    else:
        file = error.filename2 or error.filename or "standard output"
        name = os.fsdecode(file) if isinstance(file, bytes) else f"{file}"
        say(f"error: {name}: cannot be read or written: {error.strerror}")
    return ExitCode.ENVIRONMENT
