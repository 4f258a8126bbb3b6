"""Parts that other installed packages add, found by their entry points and loaded when they are named."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from energy_score.contract.errors import UsageError

FAMILIES = "energy_score.families"
TASKS = "energy_score.tasks"
BACKENDS = "energy_score.backends"
METERS = "energy_score.meters"
EXECUTORS = "energy_score.executors"


def extension_names(group: str) -> tuple[str, ...]:
    """Return the names that installed packages add to ``group``; nothing of theirs is imported."""
    from importlib import metadata  # noqa: PLC0415 - as slow as all the rest of --help

    return tuple(sorted({entry.name for entry in metadata.entry_points(group=group)}))


def extension_names_quickly(group: str) -> tuple[str, ...]:
    """Return the same where any package adds a part, and nothing at once where none does: for ``--help``."""
    return extension_names(group) if _is_any_installed(tuple(sys.path)) else ()


def load_extension(group: str, name: str) -> object:
    """Return what the entry point ``name`` of ``group`` stands for; None where no package has one of that name.

    Raises:
        UsageError: two packages have one, or it cannot be imported; the message names the packages.
    """
    from importlib import metadata  # noqa: PLC0415 - as above

    entries = tuple(metadata.entry_points(group=group, name=name))
    if not entries:
        return None
    told = " and ".join(
        f"{entry.value} of {entry.dist.name if entry.dist else 'an unknown package'}" for entry in entries
    )
    if len(entries) > 1:
        raise UsageError(f"entry point {name!r} of {group} is there twice: {told}; uninstall one of the packages")
    try:
        return entries[0].load()
    except Exception as error:  # foreign code: whatever its import raises is its fault
        raise UsageError(
            f"entry point {name!r} of {group}, {told}: cannot be loaded: {type(error).__name__}: {error}; "
            "mend or uninstall that package"
        ) from error


@lru_cache(maxsize=8)
def _is_any_installed(folders: tuple[str, ...]) -> bool:
    """Whether the files of a package that is installed in one of ``folders`` name one of our groups."""
    return any(b"[energy_score." in text for folder in folders for text in _entry_points(folder or "."))


def _entry_points(folder: str) -> Iterator[bytes]:
    """Yield the text of every ``entry_points.txt`` in ``folder``; what cannot be read has none."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith("-info"):
                with suppress(OSError), open(f"{entry.path}/entry_points.txt", "rb") as stream:  # noqa: PTH123 - quickly
                    yield stream.read()
