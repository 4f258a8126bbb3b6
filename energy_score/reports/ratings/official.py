"""The published snapshots that come with the program, and how a snapshot is named on the command line."""

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

from energy_score.contract.cohort_snapshot import CohortSnapshot
from energy_score.contract.errors import RecordError, UsageError

_FOLDER = resources.files("energy_score.reports.ratings") / "snapshots"


def official_names() -> list[str]:
    """The names of the snapshots that come with the program, oldest first."""
    return sorted(entry.name.removesuffix(".json") for entry in _FOLDER.iterdir() if entry.name.endswith(".json"))


def official_file(name: str) -> AbstractContextManager[Path]:
    """The file of a snapshot that comes with the program, there while the context is open."""
    return resources.as_file(_FOLDER / f"{name}.json")


def open_snapshot(name_or_file: str) -> CohortSnapshot:
    """The published snapshot of that name, or the one in that file.

    Raises:
        UsageError: neither is there, and the message names the known ones; or the file is damaged, or was changed after
            it was issued.
    """
    if name_or_file in official_names():
        with official_file(name_or_file) as path:
            return CohortSnapshot.read(path)
    path = Path(name_or_file)
    if not path.is_file():
        raise UsageError(
            f"snapshot {name_or_file!r}: no such file, and not one of the published {', '.join(official_names())}"
        )
    try:
        return CohortSnapshot.read(path)
    except RecordError as error:
        raise UsageError(str(error)) from error
