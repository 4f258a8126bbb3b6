"""The folder for lock files that all processes and users of a machine share."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.shared.file_lock import FileLock

VARIABLE = "ENERGY_SCORE_LOCK_DIR"
_NAME = "ai-energy-score"
# Everyone can create files in these folders, and remove only their own. /run/lock exists on Debian and similar systems.
_PLACES = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 - opened without following links, see below
_ANYBODY_STICKY = 0o1777
_ANYBODY_READS_AND_WRITES = 0o666


class LockFolder:
    """An open folder of lock files. Links in it are not followed, and only regular files are opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=_ANYBODY_STICKY)
            path.chmod(_ANYBODY_STICKY)  # whatever the umask
        except FileExistsError:
            pass
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _unusable(path, error) from error

    def lock_on(self, name: str) -> FileLock:
        """Return the lock for the file ``name``, which is created if needed; the lock is not acquired yet.

        Raises:
            EnvironmentNotReadyError: It cannot be opened, or is not a regular file.
        """
        for _ in range(3):  # between the two calls, another process can create or remove it
            try:
                return FileLock(self._opened(name, os.O_RDWR))
            except FileNotFoundError:
                pass
            except PermissionError:  # another user's file that we can only read, which is enough to lock it
                return FileLock(self._opened(name, os.O_RDONLY))
            except OSError as error:
                raise _unusable(self.path / name, error) from error
            try:
                descriptor = self._opened(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                continue
            except OSError as error:
                raise _unusable(self.path / name, error) from error
            os.fchmod(descriptor, _ANYBODY_READS_AND_WRITES)
            return FileLock(descriptor)
        raise EnvironmentNotReadyError(f"{self.path / name}: another process keeps creating and removing this file")

    def names(self, suffix: str) -> Iterator[str]:
        """Yield the files whose names end in ``suffix``."""
        for name in os.listdir(self._descriptor):  # noqa: PTH208 - by descriptor: the folder that was checked
            if name.endswith(suffix):
                yield name

    def remove(self, name: str) -> None:
        """Remove the file; raise OSError if it belongs to another user."""
        os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Close the folder; locks in it are kept."""
        os.close(self._descriptor)

    def _opened(self, name: str, flags: int) -> int:
        # O_NONBLOCK: opening a pipe must not block.
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, _ANYBODY_READS_AND_WRITES, dir_fd=self._descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("not a regular file")
        return descriptor


def machine_lock_folder() -> LockFolder:
    """Return the folder that all processes of this machine share, or the one in ENERGY_SCORE_LOCK_DIR.

    Raises:
        EnvironmentNotReadyError: It cannot be created or opened.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return LockFolder(Path(named))
    # Decide by permissions alone, which are the same for everyone: root could write where others cannot.
    open_to_all = (place for place in _PLACES if place.is_dir() and _is_open_to_all(place))
    return LockFolder(next(open_to_all, _PLACES[-1]) / _NAME)


def _is_open_to_all(place: Path) -> bool:
    mode = stat.S_IMODE(place.stat().st_mode)
    return mode & _ANYBODY_STICKY == _ANYBODY_STICKY and os.access(place, os.W_OK)


def _unusable(path: Path, error: OSError) -> EnvironmentNotReadyError:
    return EnvironmentNotReadyError(
        f"{path}: cannot be used for this machine's GPU locks: {error.strerror or error}. Set {VARIABLE} to a folder "
        "that every user of its GPUs can write to."
    )
