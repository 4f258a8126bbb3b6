"""Pin local data with digests of its content, and find the folders of its media."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from energy_score.contract.run_spec import DatasetRef
from energy_score.shared.query_data.media_cells import read_media_cell
from energy_score.shared.query_data.tables import MEDIA_SUFFIXES, names_in_source, read_table

# Files up to this size are hashed completely; for larger ones (weights), size and modification time are used.
_HASHED_WHOLE_BYTES = 16 * 2**20


def pin_dataset(path: Path, columns: Sequence[str], *, text_column: str | None = None) -> DatasetRef:
    """Return the reference to the file or folder ``path`` for a task with ``columns``.

    ``sha256`` covers the file's bytes; if a column has media, the file and every media file it names.

    Raises:
        OSError: The file cannot be read.
        DatasetError: It has media columns and cannot be read as a table, or a media file does not exist.
    """
    ref = DatasetRef(path=str(path), columns=tuple(columns), text_column=text_column)
    own_digest = hashlib.sha256() if path.is_dir() else hashlib.sha256(path.read_bytes())
    if not path.is_dir() and not MEDIA_SUFFIXES.keys() & set(columns):
        return ref.model_copy(update={"sha256": own_digest.hexdigest()})
    media = _media_files(ref)
    for name, file in sorted(media.items()):
        own_digest.update(f"\0{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return ref.model_copy(update={"sha256": own_digest.hexdigest(), "media_folders": _outermost(media.values())})


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of the folder's files: names, sizes and contents, or modification times of large files.

    Raises:
        OSError: A file cannot be read.
    """
    digest = hashlib.sha256()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name, path in sorted(files.items()):
        status = path.stat()
        whole = status.st_size <= _HASHED_WHOLE_BYTES
        content = hashlib.sha256(path.read_bytes()).hexdigest() if whole else str(status.st_mtime_ns)
        digest.update(f"{name}\0{status.st_size}\0{content}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _media_files(ref: DatasetRef) -> dict[str, Path]:
    """Return the media files named in cells of ``ref``, by the names used there."""
    path = Path(str(ref.path))
    folder = path if path.is_dir() else path.parent
    table = read_table(path, ref.columns)
    names = names_in_source(list(table[0]), ref, where=str(path)) if table else {}
    files: dict[str, Path] = {}
    for column in MEDIA_SUFFIXES.keys() & names.keys():
        for number, row in enumerate(table, start=1):
            cell = row.get(names[column])
            medium = read_media_cell(cell, folder=folder, where=f"{path}: row {number}: column {names[column]!r}")
            if isinstance(medium, Path):
                files[str(medium.relative_to(folder)) if medium.is_relative_to(folder) else str(medium)] = medium
    return files


def _outermost(files: Iterable[Path]) -> tuple[str, ...]:
    """Return the smallest set of folders that contains all of ``files``, each a parent folder or above."""
    folders = {file.resolve().parent for file in files}
    return tuple(sorted(str(folder) for folder in folders if not folders & set(folder.parents)))
