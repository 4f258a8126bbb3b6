"""A lock on a file that the kernel frees when its holder ends, however it ends; the file says who the holder is.

It is flock(2)'s: what is left in a file binds nobody, and the file is never removed, so that all lock the same one. On
NFS Linux turns it into a lock of the server's, unless the file system is mounted with local_lock or nolock.
"""

import errno
import fcntl
import os
from contextlib import suppress

from energy_score.contract.lock_holder import LockHolder

_HOLDER_MAX_BYTES = 4096


class FileLock:
    """A lock on the open file ``descriptor``, which it closes in the end; children do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def acquire(self, *, wait: bool = False) -> bool:
        """Whether this process holds the lock now; ``wait`` for it, or return False at once where another has it.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def sign(self) -> None:
        """Write who holds it, now that this process does; where that cannot be written the lock holds all the same."""
        content = LockHolder.this_process().model_dump_json().encode()[:_HOLDER_MAX_BYTES]
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, content, 0)

    def holder(self) -> str:
        """Who signed it last, in words."""
        try:
            return str(LockHolder.model_validate_json(os.pread(self.descriptor, _HOLDER_MAX_BYTES, 0)))
        except (OSError, ValueError):
            return "a process that has not said who it is"

    def release(self) -> None:
        """Give the lock back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
