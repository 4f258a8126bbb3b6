"""The published snapshots that come with the program, and how a snapshot is named on the command line."""

from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

from energy_score.contract.errors import RecordError, UsageError
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot

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
        UsageError: neither is there, and the message names the known ones; or the file is damaged, has no seal, was
            changed after it was issued, or calls itself official and is none of the published ones.
    """
    if name_or_file in official_names():
        return _published(name_or_file)
    path = Path(name_or_file)
    if not path.is_file():
        raise UsageError(
            f"snapshot {name_or_file!r}: no such file, and not one of the published {', '.join(official_names())}"
        )
    try:
        snapshot = CohortSnapshot.read(path)
    except RecordError as error:
        raise UsageError(str(error)) from error
    if not snapshot.sha256:
        raise UsageError(f"{path}: sha256: is empty, so nobody can know what was issued; 'snapshot' writes it")
    # What is official bears no watermark on its labels, and a file can say anything of itself.
    if snapshot.official and (snapshot.name not in official_names() or snapshot != _published(snapshot.name)):
        raise UsageError(
            f"{path}: snapshot {snapshot.name} calls itself official and does not come with this program; valid is one "
            f"of {', '.join(official_names())}, or a snapshot of own runs"
        )
    return snapshot


def _published(name: str) -> CohortSnapshot:
    with official_file(name) as path:
        return CohortSnapshot.read(path)
