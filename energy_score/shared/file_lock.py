"""A lock on a file that the kernel releases when its holder ends for any reason; the file says who the holder is.

It uses flock(2): the content of the file has no effect, and the file is never removed, so that everyone locks the same
one. On NFS, Linux turns it into a lock on the server, unless the mount uses local_lock or nolock.
"""

import errno
import fcntl
import os
from contextlib import suppress

from energy_score.contract.lock_holder import LockHolder

_HOLDER_MAX_BYTES = 4096


class FileLock:
    """A lock on the open file ``descriptor``, which it closes at the end; children do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def acquire(self, *, wait: bool = False) -> bool:
        """Acquire the lock and return whether this process holds it; with ``wait``, wait for it.

        Raises:
            OSError: The file system does not support locks.
        """
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def sign(self) -> None:
        """Write the holder into the file; if it cannot be written, the lock is held anyway."""
        content = LockHolder.this_process().model_dump_json().encode()[:_HOLDER_MAX_BYTES]
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, content, 0)

    def holder(self) -> str:
        """Return who signed it last, as text."""
        try:
            return str(LockHolder.model_validate_json(os.pread(self.descriptor, _HOLDER_MAX_BYTES, 0)))
        except (OSError, ValueError):
            return "an unknown process"

    def release(self) -> None:
        """Release the lock."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
