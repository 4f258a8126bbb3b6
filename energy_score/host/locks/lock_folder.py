"""The folder in which the processes of one machine, of whatever user, lock what only one of them may have."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.shared.file_lock import FileLock

VARIABLE = "ENERGY_SCORE_LOCK_DIR"
_NAME = "ai-energy-score"
# Everybody may make files in these, and remove only his own. /run/lock is there on Debian and its like.
_PLACES = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 - opened without following links, see below
_ANYBODY_STICKY = 0o1777
_ANYBODY_READS_AND_WRITES = 0o666


class LockFolder:
    """An open folder of lock files. No link in it is followed and nothing but plain files is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=_ANYBODY_STICKY)
            path.chmod(_ANYBODY_STICKY)  # whatever the umask is
        except FileExistsError:
            pass
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _unusable(path, error) from error

    def lock_on(self, name: str) -> FileLock:
        """The lock of the file called ``name``, made where there is none, and not acquired yet.

        Raises:
            EnvironmentNotReadyError: it cannot be opened, or is no plain file.
        """
        for _ in range(3):  # between the two ways another process may make it, or remove it
            try:
                return FileLock(self._opened(name, os.O_RDWR))
            except FileNotFoundError:
                pass
            except PermissionError:  # another user's, who let us only read: that is enough to lock it
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
        raise EnvironmentNotReadyError(f"{self.path / name}: is made and removed all the time by somebody")

    def names(self, suffix: str) -> Iterator[str]:
        """The files whose names end in ``suffix``."""
        for name in os.listdir(self._descriptor):  # noqa: PTH208 - by descriptor: the folder that was checked
            if name.endswith(suffix):
                yield name

    def remove(self, name: str) -> None:
        """Remove the file; OSError where it is another user's."""
        os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Give the folder back; locks in it stay held."""
        os.close(self._descriptor)

    def _opened(self, name: str, flags: int) -> int:
        # O_NONBLOCK: opening a pipe that somebody put there must not wait.
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(name, flags, _ANYBODY_READS_AND_WRITES, dir_fd=self._descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("is no plain file")
        return descriptor


def machine_lock_folder() -> LockFolder:
    """The folder that all processes of this machine agree on, or the one that ENERGY_SCORE_LOCK_DIR names.

    Raises:
        EnvironmentNotReadyError: it cannot be made or opened.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return LockFolder(Path(named))
    # By the folder's rights alone, which are the same for everybody: root could write where others cannot.
    open_to_all = (place for place in _PLACES if place.is_dir() and _is_open_to_all(place))
    return LockFolder(next(open_to_all, _PLACES[-1]) / _NAME)


def _is_open_to_all(place: Path) -> bool:
    mode = stat.S_IMODE(place.stat().st_mode)
    return mode & _ANYBODY_STICKY == _ANYBODY_STICKY and os.access(place, os.W_OK)


def _unusable(path: Path, error: OSError) -> EnvironmentNotReadyError:
    return EnvironmentNotReadyError(
        f"{path}: the locks of this machine's GPUs cannot be kept there: {error.strerror or error}; name a folder that "
        f"every user of its GPUs can write with {VARIABLE}"
    )
