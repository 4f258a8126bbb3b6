"""What a media cell names: a file beside the table, or bytes that the table itself holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError


def media_of_cell(cell: object, *, folder: Path, where: str) -> Path | bytes:
    """The file that ``cell`` names, relative to ``folder``, or the bytes that it holds.

    A cell is a path, or what Hugging Face's Image and Audio columns are made of: ``{"bytes": …, "path": …}``.

    Raises:
        DatasetError: the cell is empty, or names no file.
    """
    content: Mapping[str, Any] = cell if isinstance(cell, dict) else {"path": cell}
    embedded, path = content.get("bytes"), content.get("path")
    if isinstance(embedded, bytes) and embedded:
        return embedded
    if not isinstance(path, str) or not path.strip():
        raise DatasetError(f"{where}: {cell!r} names no file; valid is a path relative to {folder}")
    file = folder / path.strip()
    try:
        is_file = file.is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_file = False
    if not is_file:
        raise DatasetError(f"{where}: {path!r} is no file; looked for {file}")
    return file
