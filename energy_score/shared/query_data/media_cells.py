"""Media cells: a file beside the table, or bytes in the table itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError


def read_media_cell(cell: object, *, folder: Path, where: str) -> Path | bytes:
    """Return the file named by ``cell``, relative to ``folder``, or the bytes in it.

    A cell is a path, or the format of Hugging Face's Image and Audio columns: ``{"bytes": …, "path": …}``.

    Raises:
        DatasetError: The cell is empty, or the file does not exist.
    """
    content: Mapping[str, Any] = cell if isinstance(cell, dict) else {"path": cell}
    embedded, path = content.get("bytes"), content.get("path")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if not isinstance(path, str) or not path.strip():
        raise DatasetError(f"{where}: {cell!r} is not a file (expected a path relative to {folder})")
    file = folder / path.strip()
    try:
        is_file = file.is_file()
    except (OSError, ValueError):  # not a valid file name
        is_file = False
    if not is_file:
        raise DatasetError(f"{where}: file {path!r} not found at {file}")
    return file
