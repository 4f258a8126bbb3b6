"""The lock of an output directory: only one batch or run at a time can write to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.shared.file_lock import FileLock

FILE_NAME = ".lock"
_OF_A_BATCH = "--output-dir"


@contextmanager
def lock_output(directory: Path, *, option: str) -> Iterator[None]:
    """Hold the lock of ``directory`` while the context is open; ``option`` is its command line option, for messages.

    A dead process holds nothing. Readers (``aggregate``, ``status``, ``watch``) need no lock.

    Raises:
        EnvironmentNotReadyError: Another process, named in the message, holds it, or locks are not supported.
    """
    try:
        descriptor = os.open(directory / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        lock = FileLock(descriptor)
        acquired = lock.acquire()
    except OSError as error:
        raise EnvironmentNotReadyError(
            f"{directory}: cannot be locked: {error.strerror}. Choose another {option}."
        ) from error
    if not acquired:
        holder = lock.holder()
        lock.release()
        look = f", check it with 'status {option} {directory}'," if option == _OF_A_BATCH else ""
        raise EnvironmentNotReadyError(
            f"{directory}: in use by {holder}. Wait for it to end{look} or choose another {option}."
        )
    lock.sign()
    try:
        yield
    finally:
        lock.release()
