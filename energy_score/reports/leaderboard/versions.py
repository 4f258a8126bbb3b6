"""The site on the disk: a link to its newest version, so that a reader sees the old site or the new one, whole.

``SITE`` is a symbolic link into ``SITE.versions/``, where each version has a folder named by its time. A version is
written under a name that no link points to, and becomes the site by one rename.
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
    """Make what ``write`` writes the site, the earlier versions within it; the version's folder.

    ``write`` gets an empty folder and the earlier leaderboards that will lie in it. If it raises, the site is as it
    was. What a killed process left unfinished is removed. Who publishes there already is waited for.

    Raises:
        UsageError: ``site`` is there and is none of ours.
    """
    require_place(site)
    versions = versions_folder(site)
    with _alone_in(versions):
        return _published(site, versions, write, now or datetime.now(UTC))


@contextmanager
def _alone_in(versions: Path) -> Iterator[None]:
    """While the context is open nobody else publishes there: what he writes looks like what a killed process left."""
    lock = FileLock(os.open(versions / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
    try:
        with suppress(OSError):  # a file system without locks takes a site too
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
        earlier = published_versions(site)
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
    """Return if a site may become ``site``, with a folder for its versions.

    Raises:
        UsageError: ``site`` is there and is none of ours.
        OSError: the folder cannot be made.
    """
    is_ours = site.is_symlink() and site.readlink().parent.name == versions_folder(site).name
    if site.exists() and not is_ours:
        raise UsageError(f"{site}: is there and is not a link to a site of ours; valid is a new name, or one of ours")
    versions_folder(site).mkdir(parents=True, exist_ok=True)


def versions_folder(site: Path) -> Path:
    """Where the versions of ``site`` lie."""
    return site.with_name(f"{site.name}.versions")


def published_versions(site: Path) -> list[Path]:
    """The folders of the versions up to the one that ``site`` points to, oldest first."""
    versions = versions_folder(site)
    if not site.is_symlink() or not versions.is_dir():
        return []
    current = _order(site.readlink().name)
    there = [one for one in versions.iterdir() if not one.name.startswith(".") and one.is_dir()]
    return sorted((one for one in there if _order(one.name) <= current), key=lambda one: _order(one.name))


def _free_name(versions: Path, now: datetime) -> str:
    """The time as a name, later than every version that is there, also where a clock was set back."""
    name = f"{now:%Y-%m-%dT%H%M%SZ}"
    taken = [one.name for one in versions.iterdir() if not one.name.startswith(".")]
    newest = max(taken, key=_order, default="")
    if _order(name) > _order(newest):
        return name
    time, number = _order(newest)
    return f"{time}-{number + 1}"


def _order(name: str) -> tuple[str, int]:
    """The time in a version's name, and its number among those of one second."""
    time, _, number = name.partition("Z-")
    return (f"{time}Z", int(number)) if number.isdecimal() else (name, 1)


def _link_tree(source: Path, target: Path) -> None:
    """The files of an earlier version under another name, without those that it keeps of still earlier ones."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(
        source, target, copy_function=link, ignore=lambda folder, names: {_PRIOR} & set(names) if Path(folder) == source
        else set(),
    )  # fmt: skip


def _sync(folder: Path) -> None:
    """The files on the disk before a link names them."""
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
