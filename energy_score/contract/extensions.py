"""Parts that other installed packages add, found by their entry points and loaded when they are named."""

from importlib import metadata

from energy_score.contract.errors import UsageError

TASKS = "energy_score.tasks"
BACKENDS = "energy_score.backends"


def extension_names(group: str) -> tuple[str, ...]:
    """The names that installed packages add to ``group``; nothing of theirs is imported."""
    return tuple(sorted({entry.name for entry in metadata.entry_points(group=group)}))


def load_extension(group: str, name: str) -> object:
    """What the entry point ``name`` of ``group`` stands for; None where nobody has one of that name.

    Raises:
        UsageError: two packages have one, or it cannot be imported; the message names the packages.
    """
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
