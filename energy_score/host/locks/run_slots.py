"""Count our runs on this machine at the same time as a run, whoever started them."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from energy_score.contract.errors import EnergyScoreError
from energy_score.host.locks.lock_folder import LockFolder, machine_lock_folder
from energy_score.shared.file_lock import FileLock

log = logging.getLogger(__name__)

_GATE = "runs.gate"
_SUFFIX = ".run"
_COUNT_MAX_BYTES = 16


class RunSlot:
    """A slot among the runs of this machine while its context is open; ``most`` is the highest number of runs.

    Whoever takes a slot counts the occupied ones, under a shared lock, and writes the number into each of them, so no
    overlap is missed, however short. ``most`` is None if locks cannot be used on this machine.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        self._name = f"{os.getpid()}-{uuid.uuid4().hex}{_SUFFIX}"
        self._folder: LockFolder | None = None
        self._own: FileLock | None = None

    def __enter__(self) -> Self:
        try:
            self._folder = machine_lock_folder()
            with _gate(self._folder):
                self._own = self._folder.lock_on(self._name)
                self._own.acquire()
                held = [name for name in self._folder.names(_SUFFIX) if name == self._name or self._is_held(name)]
                for name in held:
                    self._note(self._folder, name, len(held))
        except (EnergyScoreError, OSError) as error:
            log.warning("cannot count the current runs: %s", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is None:
            return
        if self._own is not None:
            with suppress(EnergyScoreError, OSError), _gate(self._folder):
                self.most = _count(self._own)
                self._folder.remove(self._name)
            self._own.release()
        self._folder.close()

    def _is_held(self, name: str) -> bool:
        """Return whether a living process holds the slot; a dead process's slot is removed."""
        assert self._folder is not None  # noqa: S101 - only asked while the context is open
        lock = self._folder.lock_on(name)
        try:
            if not lock.acquire():
                return True
            with suppress(OSError):  # another user's, who will remove it
                self._folder.remove(name)
            return False
        finally:
            lock.release()

    @staticmethod
    def _note(folder: LockFolder, name: str, count: int) -> None:
        place = folder.lock_on(name)
        with suppress(OSError):
            os.pwrite(place.descriptor, f"{max(count, _count(place) or 0):<{_COUNT_MAX_BYTES}}".encode(), 0)
        place.release()


def _count(place: FileLock) -> int | None:
    text = os.pread(place.descriptor, _COUNT_MAX_BYTES, 0).decode("ascii", errors="replace").strip()
    return int(text) if text.isdecimal() else None


@contextmanager
def _gate(folder: LockFolder) -> Iterator[None]:
    lock = folder.lock_on(_GATE)
    lock.acquire(wait=True)
    try:
        yield
    finally:
        lock.release()
