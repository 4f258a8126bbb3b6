"""The queries of a run, from a local file or from a Hub data set."""

import contextlib
import csv
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError
from energy_score.contract.run_spec import DatasetRef
from energy_score.engine.backends.backend import Row

log = logging.getLogger(__name__)

# A local file with one of these columns needs no --text-column; the task's own column comes first.
_USUAL_TEXT_COLUMNS = ("text", "prompt", "question", "input", "instruction")
_FORMATS = ".csv, .json, .jsonl, .parquet, .txt"


@dataclass(frozen=True)
class Queries:
    """The rows to run with the task's own columns, how many the source holds in all, the commit of a Hub data set."""

    rows: tuple[Row, ...]
    available_count: int
    revision: str | None


def load_queries(ref: DatasetRef, *, query_count: int | None) -> Queries:
    """The first ``query_count`` rows (all for None) of ``ref``, with the columns that it names.

    Raises:
        DatasetError: the source cannot be read, has no such column, or holds an empty or non-text cell.
    """
    if ref.path is not None:
        rows, revision = _rows_of_file(Path(ref.path), ref), None
    else:
        rows, revision = _rows_of_hub(ref)
    if not rows:
        raise DatasetError(f"{ref.path or ref.name}: no prompts in it; at least one is needed")
    if query_count is not None and query_count > len(rows):
        log.warning("fewer prompts than asked: asked=%d available=%d", query_count, len(rows))
    return Queries(rows=rows[:query_count], available_count=len(rows), revision=revision)


def _rows_of_file(path: Path, ref: DatasetRef) -> tuple[Row, ...]:
    readers = {".csv": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    try:
        if path.suffix.lower() not in readers:  # plain text: one prompt a line
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            return _own_columns([{"text": line} for line in lines if line.strip()], ref=ref, where=str(path))
        rows = readers[path.suffix.lower()](path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DatasetError(f"{path}: not a readable {path.suffix} file: {error}; valid formats: {_FORMATS}") from error
    return _own_columns(rows, ref=ref, where=str(path))


def _read_csv(path: Path) -> list[Mapping[str, Any]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True))


def _read_json(path: Path) -> list[Mapping[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(content, dict) and len(content) == 1:  # {"prompts": [...]}
        content = next(iter(content.values()))
    return _as_rows(content)


def _read_jsonl(path: Path) -> list[Mapping[str, Any]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return _as_rows([json.loads(line) for line in lines if line.strip()])


def _as_rows(content: object) -> list[Mapping[str, Any]]:
    if not isinstance(content, list):
        raise ValueError("expected a list of texts or of objects")  # noqa: TRY004 - one kind of error for bad content
    rows: list[Mapping[str, Any]] = []
    for number, item in enumerate(content, start=1):
        if not isinstance(item, str | dict):
            raise ValueError(f"entry {number} is neither a text nor an object")  # noqa: TRY004
        rows.append({"text": item} if isinstance(item, str) else item)
    return rows


def _read_parquet(path: Path) -> list[Mapping[str, Any]]:
    import pyarrow.parquet  # noqa: PLC0415 - heavy, and only this format needs it

    rows: list[Mapping[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def _own_columns(rows: Sequence[Mapping[str, Any]], *, ref: DatasetRef, where: str) -> tuple[Row, ...]:
    """``rows`` with the columns of ``ref`` alone, under their own names."""
    if not rows:
        return ()
    names = _names_in_source(list(rows[0]), ref=ref, where=where)
    return tuple(
        {
            column: _text(row.get(name), where=f"{where}: row {number}: column {name!r}")
            for column, name in names.items()
        }
        for number, row in enumerate(rows, start=1)
    )


def _names_in_source(present: list[str], *, ref: DatasetRef, where: str) -> dict[str, str]:
    """What each column of ``ref`` is called in a source with the columns ``present``.

    A task with one column takes it under the name that was given, or under a usual one; a task with several needs each
    by its own name.
    """
    if len(ref.columns) > 1:
        candidates = {column: [column] for column in ref.columns}
    else:
        only_one = present if len(present) == 1 else []
        named = [ref.text_column] if ref.text_column else [*ref.columns, *_USUAL_TEXT_COLUMNS, *only_one]
        candidates = {ref.columns[0]: named}
    names = {}
    for column, possible in candidates.items():
        name = next((name for name in possible if name in present), None)
        if name is None:
            raise DatasetError(f"{where}: no column {possible[0]!r} among {present}; name one with --text-column")
        names[column] = name
    return names


def _text(cell: object, *, where: str) -> str:
    if not isinstance(cell, str) or not cell.strip():
        raise DatasetError(f"{where}: {cell!r} is not a non-empty text")
    return cell


def _rows_of_hub(ref: DatasetRef) -> tuple[tuple[Row, ...], str | None]:
    import datasets  # noqa: PLC0415 - heavy, and a run on a local file needs none of it
    import huggingface_hub  # noqa: PLC0415 - as above

    assert ref.name is not None  # noqa: S101 - the record holds a name or a path
    commit = ref.revision
    with contextlib.suppress(Exception):  # offline: the cached copy is used, its commit unknown
        commit = huggingface_hub.HfApi().dataset_info(ref.name, revision=ref.revision, timeout=3).sha
    try:
        table = datasets.load_dataset(ref.name, split=ref.split, revision=commit)
    except Exception as error:  # datasets raises many kinds; each means that the prompts cannot be had
        raise DatasetError(
            f"data set {ref.name}: cannot be loaded: {' '.join(str(error).split())}; "
            f"without the Hub, give prompts with --prompts-file ({_FORMATS})"
        ) from error
    where = f"data set {ref.name}"
    names = _names_in_source(table.column_names, ref=ref, where=where)
    columns = {column: list(table[name]) for column, name in names.items()}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return _own_columns(rows, ref=ref.model_copy(update={"text_column": None}), where=where), commit
