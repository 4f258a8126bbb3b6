"""The published snapshots included in the program, and how snapshots are named on the command line."""

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

from energy_score.contract.errors import RecordError, UsageError
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot

_FOLDER = resources.files("energy_score.reports.ratings") / "snapshots"


def official_names() -> list[str]:
    """Return the names of the included snapshots, oldest first."""
    return sorted(entry.name.removesuffix(".json") for entry in _FOLDER.iterdir() if entry.name.endswith(".json"))


def official_file(name: str) -> AbstractContextManager[Path]:
    """Return the file of an included snapshot, available while the context is open."""
    return resources.as_file(_FOLDER / f"{name}.json")


def open_snapshot(name_or_file: str) -> CohortSnapshot:
    """Return the published snapshot of that name, or the one in that file.

    Raises:
        UsageError: Neither exists (the message lists the known names), or the file is damaged, has no seal, was
            changed after it was issued, or claims to be official but is not one of the published snapshots.
    """
    if name_or_file in official_names():
        return _published(name_or_file)
    path = Path(name_or_file)
    if not path.is_file():
        raise UsageError(
            f"no such snapshot: {name_or_file!r} is neither a file nor published (expected a file or one "
            f"of: {', '.join(official_names())})"
        )
    try:
        snapshot = CohortSnapshot.read(path)
    except RecordError as error:
        raise UsageError(str(error)) from error
    if not snapshot.sha256:
        raise UsageError(
            f"{path}: sha256 is missing, so changes could not be detected. Use a file written by 'snapshot'."
        )
    # Labels from official snapshots have no watermark, and a file can claim anything.
    if snapshot.official and (snapshot.name not in official_names() or snapshot != _published(snapshot.name)):
        raise UsageError(
            f"{path}: snapshot {snapshot.name} claims to be official, but is not one of the published "
            f"snapshots. Use one "
            f"of {', '.join(official_names())}, or a snapshot of your own runs."
        )
    return snapshot


def _published(name: str) -> CohortSnapshot:
    with official_file(name) as path:
        return CohortSnapshot.read(path)
