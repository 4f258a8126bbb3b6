"""Versions of the site on disk: a link points to the newest, so readers always see one complete version.

``SITE`` is a symbolic link into ``SITE.versions/``, where each version has a folder named by its time. A version is
written under a name that no link points to, and becomes the site with one rename.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.reports.leaderboard.site import Prior
from energy_score.shared.file_lock import FileLock

_PRIOR = "prior"
_UNFINISHED = ".unfinished-"


def publish(site: Path, write: Callable[[Path, Sequence[Prior]], None], *, now: datetime | None = None) -> Path:
    """Publish what ``write`` writes as the site's new version, with the earlier ones inside; return its folder.

    ``write`` gets an empty folder and the earlier leaderboards that will be in it. If it raises, the site is
    unchanged. Unfinished versions of killed processes are removed. If another process is publishing, wait for it.

    Raises:
        UsageError: ``site`` exists and was not made by this program.
    """
    require_place(site)
    versions = versions_folder(site)
    with _alone_in(versions):
        return _published(site, versions, write, now or datetime.now(UTC))


@contextmanager
def _alone_in(versions: Path) -> Iterator[None]:
    """Hold the lock on ``versions``: another process's unfinished version looks like one of a killed process."""
    lock = FileLock(os.open(versions / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
    try:
        with suppress(OSError):  # file systems without locks can have a site too
            lock.acquire(wait=True)
        yield
    finally:
        lock.release()


def _published(site: Path, versions: Path, write: Callable[[Path, Sequence[Prior]], None], now: datetime) -> Path:
    for left in versions.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    name = _free_name(versions, now)
    unfinished = versions / f"{_UNFINISHED}{name}"
    unfinished.mkdir()
    try:
        earlier = list_versions(site)
        priors = [Prior(one.name, f"{_PRIOR}/{one.name}/index.html") for one in reversed(earlier)]
        write(unfinished, priors)
        for one in earlier:
            _link_tree(one, unfinished / _PRIOR / one.name)
        _sync(unfinished)
        unfinished.rename(versions / name)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _point(site, versions / name)
    return versions / name


def require_place(site: Path) -> None:
    """Return if ``site`` can be used, with a folder for its versions.

    Raises:
        UsageError: ``site`` exists and was not made by this program.
        OSError: The folder cannot be created.
    """
    is_ours = site.is_symlink() and site.readlink().parent.name == versions_folder(site).name
    if site.exists() and not is_ours:
        raise UsageError(f"{site}: already exists and was not made by this program. Choose a new name.")
    versions_folder(site).mkdir(parents=True, exist_ok=True)


def versions_folder(site: Path) -> Path:
    """Return the folder with the versions of ``site``."""
    return site.with_name(f"{site.name}.versions")


def list_versions(site: Path) -> list[Path]:
    """Return the folders of the versions up to the one that ``site`` points to, oldest first."""
    versions = versions_folder(site)
    if not site.is_symlink() or not versions.is_dir():
        return []
    current = _order(site.readlink().name)
    there = [one for one in versions.iterdir() if not one.name.startswith(".") and one.is_dir()]
    return sorted((one for one in there if _order(one.name) <= current), key=lambda one: _order(one.name))


def _free_name(versions: Path, now: datetime) -> str:
    """Return the time as a name that is later than every existing version, even if the clock was set back."""
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    taken = [one.name for one in versions.iterdir() if not one.name.startswith(".")]
    newest = max(taken, key=_order, default="")
    if _order(name) > _order(newest):
        return name
    time, number = _order(newest)
    return f"{time}-{number + 1}"


def _order(name: str) -> tuple[str, int]:
    """Return the time in a version's name, and its number within that second."""
    time, _, number = name.partition("Z-")
    return (f"{time}Z", int(number)) if number.isdecimal() else (name, 1)


def _link_tree(source: Path, target: Path) -> None:
    """Link the files of an earlier version under another name, without its own earlier versions."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(
        source,
        target,
        copy_function=link,
        ignore=lambda folder, names: {_PRIOR} & set(names) if Path(folder) == source else set(),
    )


def _sync(folder: Path) -> None:
    """Flush the files to disk before a link points to them."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _point(site: Path, version: Path) -> None:
    temporary = site.with_name(f".{site.name}.{os.getpid()}.link")
    with suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(os.path.relpath(version, site.parent))
    temporary.replace(site)
