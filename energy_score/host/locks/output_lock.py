"""The lock of one output directory: a single batch, or run, writes into it at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.shared.file_lock import FileLock

FILE_NAME = ".lock"
_OF_A_BATCH = "--output-dir"


@contextmanager
def locked_output(directory: Path, *, option: str) -> Iterator[None]:
    """While the context is open no other process works in ``directory``, which ``option`` names on the command line.

    A holder that died, however it died, holds nothing. Readers (``aggregate``, ``status``, ``watch``) need no lock.

    Raises:
        EnvironmentNotReadyError: another process works there, which the message names, or locks are not to be had.
    """
    try:
        descriptor = os.open(directory / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        lock = FileLock(descriptor)
        acquired = lock.acquire()
    except OSError as error:
        raise EnvironmentNotReadyError(
            f"{directory}: cannot be locked: {error.strerror}; choose another {option}"
        ) from error
    if not acquired:
        holder = lock.holder()
        lock.release()
        look = f"look at it with 'status {option} {directory}', " if option == _OF_A_BATCH else ""
        raise EnvironmentNotReadyError(
            f"{directory}: {holder} works there; wait for its end, {look}or choose another {option}"
        )
    lock.sign()
    try:
        yield
    finally:
        lock.release()
