"""Read the rows of a CSV, JSON, JSONL, Parquet or text file, or of a folder of media, and find their columns."""

import csv
import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError
from energy_score.contract.foreign_json import parse_json
from energy_score.contract.installation import install_command
from energy_score.contract.run_spec import DatasetRef

FORMATS = ".csv, .json, .jsonl, .parquet, .txt"
# The columns whose cells are media, and the file types in a folder of them.
MEDIA_SUFFIXES = {
    "image": frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}),
    "audio": frozenset({".flac", ".mp3", ".ogg", ".opus", ".wav"}),
}
# A local file with one of these columns needs no --text-column; the task's own column has priority.
_USUAL_TEXT_COLUMNS = ("text", "prompt", "question", "input", "instruction")
_OTHER_SEPARATORS = (";", "\t")
# The options for a batch, and for a single model.
_NAMING = "--text-column, or scenario.text_column_name"

Table = Sequence[Mapping[str, Any]]


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Return all rows of the file or folder ``path``; a folder's rows have the one media column among ``columns``.

    Raises:
        DatasetError: It cannot be read, has an unknown format, or is a folder without such media.
    """
    readers = {".csv": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    try:
        if path.is_dir():
            return _read_folder(path, columns)
        return readers.get(path.suffix.lower(), _read_lines)(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DatasetError(
            f"{path}: not a readable {path.suffix} file: {error} (supported formats: {FORMATS})"
        ) from error


def names_in_source(present: Sequence[str], ref: DatasetRef, *, where: str) -> dict[str, str]:
    """Return the name of each column of ``ref`` in a source with the columns ``present``.

    For a task with one column, this is the given name, or else the task's or a usual one; a task with
    several columns needs each under its own name.

    Raises:
        DatasetError: A column is missing.
    """
    names = {}
    for column in ref.columns:
        possible: Sequence[str] = [column]
        if len(ref.columns) == 1:
            usual = () if column in MEDIA_SUFFIXES else _USUAL_TEXT_COLUMNS
            only_one = present if len(present) == 1 else ()
            possible = [ref.text_column] if ref.text_column else [column, *usual, *only_one]
        name = next((name for name in possible if name in present), None)
        if name is None:
            way_out = f". Choose one with {_NAMING}." if len(ref.columns) == 1 else ""
            raise DatasetError(f"{where}: no column {possible[0]!r} among {list(present)}{way_out}")
        names[column] = name
    return names


def _read_folder(path: Path, columns: Sequence[str]) -> Table:
    media = [column for column in columns if column in MEDIA_SUFFIXES]
    if len(columns) != 1 or not media:
        raise DatasetError(f"{path}: is a folder, but {' and '.join(columns)} must be in a file ({FORMATS})")
    (column,) = media
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in MEDIA_SUFFIXES[column])
    if not files:
        raise DatasetError(f"{path}: no {column} files found (expected {', '.join(sorted(MEDIA_SUFFIXES[column]))})")
    return [{column: file.name} for file in files]


def _read_lines(path: Path) -> Table:
    """Read plain text: one prompt per line."""
    return [{"text": line} for line in _lines_of(path) if line.strip()]


def _lines_of(path: Path) -> list[str]:
    """Split at line feeds (or CRLF) only: a form feed or U+2028 belongs to the text around it."""
    return path.read_text(encoding="utf-8-sig").split("\n")


def _read_csv(path: Path) -> Table:
    """Read comma-separated rows; anything that would cut a text, or join it with its neighbors, is an error."""
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
    columns = reader.fieldnames or ()
    if len(columns) == 1 and (other := next((mark for mark in _OTHER_SEPARATORS if mark in columns[0]), None)):
        raise ValueError(f"it uses {other!r} as separator; save it as comma-separated CSV")
    rows = []
    for row in reader:
        surplus: Any = row.pop(None, ())  # where DictReader puts cells without a column
        if any(cell.strip() for cell in surplus):
            raise ValueError(
                f'line {reader.line_num} has more cells than the header; put text that contains a comma in "quotes"'
            )
        rows.append(row)
    return rows


def _read_json(path: Path) -> Table:
    content = parse_json(path.read_text(encoding="utf-8-sig"))
    if isinstance(content, dict) and len(content) == 1:  # {"prompts": [...]}
        content = next(iter(content.values()))
    return _as_rows(content)


def _read_jsonl(path: Path) -> Table:
    return _as_rows([parse_json(line) for line in _lines_of(path) if line.strip()])


def _as_rows(content: object) -> Table:
    if not isinstance(content, list):
        raise ValueError("expected a list of texts or of objects")  # noqa: TRY004 - one kind of error for bad content
    rows: list[Mapping[str, Any]] = []
    for number, item in enumerate(content, start=1):
        if not isinstance(item, str | dict):
            raise ValueError(f"entry {number} is neither a text nor an object")  # noqa: TRY004
        rows.append({"text": item} if isinstance(item, str) else item)
    return rows


def _read_parquet(path: Path) -> Table:
    try:
        parquet = import_module("pyarrow.parquet")  # slow to import, and only needed for this format
    except ModuleNotFoundError as error:
        raise DatasetError(
            f"{path}: reading Parquet needs the package pyarrow. Install it with: {install_command('pytorch')}; or use "
            f"{FORMATS}"
        ) from error
    rows: Table = parquet.read_table(path).to_pylist()
    return rows
