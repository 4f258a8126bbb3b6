"""The queries of a run, from a local file or from a Hub data set."""

import contextlib
import csv
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError
from energy_score.contract.run_spec import DatasetRef

log = logging.getLogger(__name__)

# A local file with one of these columns needs no --text-column; the task's own column comes first.
_USUAL_TEXT_COLUMNS = ("text", "prompt", "question", "input", "instruction")
_FORMATS = ".csv, .json, .jsonl, .parquet, .txt"


@dataclass(frozen=True)
class Queries:
    """The texts to run, how many the source holds in all, and the commit of a Hub data set."""

    texts: tuple[str, ...]
    available_count: int
    revision: str | None


def load_queries(ref: DatasetRef, *, query_count: int | None) -> Queries:
    """The first ``query_count`` texts (all for None) of the text column of ``ref``.

    Raises:
        DatasetError: the source cannot be read, has no such column, or holds an empty or non-text cell.
    """
    if ref.path is not None:
        texts, revision = _texts_of_file(Path(ref.path), ref), None
    else:
        texts, revision = _texts_of_hub(ref)
    if not texts:
        raise DatasetError(f"{ref.path or ref.name}: no prompts in it; at least one is needed")
    if query_count is not None and query_count > len(texts):
        log.warning("fewer prompts than asked: asked=%d available=%d", query_count, len(texts))
    return Queries(texts=texts[:query_count], available_count=len(texts), revision=revision)


def _texts_of_file(path: Path, ref: DatasetRef) -> tuple[str, ...]:
    readers = {".csv": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    try:
        if path.suffix.lower() not in readers:  # plain text: one prompt a line
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            return tuple(line for line in lines if line.strip())
        rows = readers[path.suffix.lower()](path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DatasetError(f"{path}: not a readable {path.suffix} file: {error}; valid formats: {_FORMATS}") from error
    return _text_column(rows, ref=ref, where=str(path))


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


def _text_column(rows: list[Mapping[str, Any]], *, ref: DatasetRef, where: str) -> tuple[str, ...]:
    if not rows:
        return ()
    names = list(rows[0])
    only_one = names if len(names) == 1 else []
    candidates = [ref.text_column] if ref.text_column else [*ref.columns, *_USUAL_TEXT_COLUMNS, *only_one]
    column = next((name for name in candidates if name in names), None)
    if column is None:
        raise DatasetError(f"{where}: no column {candidates[0]!r} among {names}; name one with --text-column")
    texts = [row.get(column) for row in rows]
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str) or not text.strip():
            raise DatasetError(f"{where}: row {number}: column {column!r}: {text!r} is not a non-empty text")
    return tuple(str(text) for text in texts)


def _texts_of_hub(ref: DatasetRef) -> tuple[tuple[str, ...], str | None]:
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
    column = ref.text_column or ref.columns[0]
    if column not in table.column_names:
        raise DatasetError(f"data set {ref.name}: no column {column!r} among {table.column_names}; see --text-column")
    return tuple(str(text) for text in table[column]), commit
