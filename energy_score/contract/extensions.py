"""Parts from other installed packages, found by their entry points and loaded when they are used."""

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
    """Return the names that installed packages add to ``group``, without importing them."""
    from importlib import metadata  # noqa: PLC0415 - as slow as all the rest of --help

    return tuple(sorted({entry.name for entry in metadata.entry_points(group=group)}))


def extension_names_quickly(group: str) -> tuple[str, ...]:
    """Return the same, but quickly if no package adds a part (for ``--help``)."""
    return extension_names(group) if _is_any_installed(tuple(sys.path)) else ()


def load_extension(group: str, name: str) -> object:
    """Return the object of the entry point ``name`` in ``group``, or None if no package has one.

    Raises:
        UsageError: Two packages have one, or it cannot be imported; the message names the packages.
    """
    from importlib import metadata  # noqa: PLC0415 - as above

    entries = tuple(metadata.entry_points(group=group, name=name))
    if not entries:
        return None
    told = " and ".join(
        f"{entry.value} of {entry.dist.name if entry.dist else 'an unknown package'}" for entry in entries
    )
    if len(entries) > 1:
        raise UsageError(f"two packages have the entry point {name!r} of {group}: {told}. Uninstall one of them.")
    try:
        return entries[0].load()
    except Exception as error:  # code of other packages can raise anything on import
        raise UsageError(
            f"cannot load entry point {name!r} of {group} ({told}): {type(error).__name__}: {error}. "
            "Fix or uninstall that package."
        ) from error


@lru_cache(maxsize=8)
def _is_any_installed(folders: tuple[str, ...]) -> bool:
    """Return whether any package installed in ``folders`` mentions one of our entry point groups."""
    return any(b"[energy_score." in text for folder in folders for text in _entry_points(folder or "."))


def _entry_points(folder: str) -> Iterator[bytes]:
    """Yield the text of every readable ``entry_points.txt`` in ``folder``."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith("-info"):
                with suppress(OSError), open(f"{entry.path}/entry_points.txt", "rb") as stream:  # noqa: PTH123 - quickly
                    yield stream.read()
