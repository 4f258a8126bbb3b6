"""The queries of a run, from a local file or folder or from a Hub dataset: text, images, sound."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from energy_score.contract.errors import DatasetError
from energy_score.contract.run_spec import DatasetRef
from energy_score.engine.media import decode_audio, decode_image
from energy_score.engine.query import Row
from energy_score.shared.query_data.media_cells import read_media_cell
from energy_score.shared.query_data.tables import FORMATS, Table, names_in_source, read_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queries:
    """The rows to run with the task's columns, the total number in the source, and the commit of a Hub dataset."""

    rows: tuple[Row, ...]
    available_count: int
    revision: str | None


def load_queries(ref: DatasetRef, *, query_count: int | None) -> Queries:
    """Return the first ``query_count`` rows of ``ref`` (None: all), with its columns, and with media decoded.

    Raises:
        DatasetError: The source cannot be read, lacks a column, or a cell is empty or of the wrong type.
    """
    if ref.path is not None:
        path = Path(ref.path)
        where, folder, revision = ref.path, path if path.is_dir() else path.parent, None
        table = read_table(path, ref.columns)
    else:
        where, folder = f"dataset {ref.name}", Path()
        table, revision = _load_hub_table(ref)
    if not table:
        raise DatasetError(f"{ref.path or ref.name}: no prompts found (at least one is needed)")
    if query_count is not None and query_count > len(table):
        log.warning("fewer prompts than requested: requested=%d available=%d", query_count, len(table))
    names = names_in_source(list(table[0]), ref, where=where)
    rows = tuple(
        {
            column: _cell(row.get(name), column=column, folder=folder, where=f"{where}: row {number}: column {name!r}")
            for column, name in names.items()
        }
        for number, row in enumerate(table[:query_count], start=1)
    )
    return Queries(rows=rows, available_count=len(table), revision=revision)


def _cell(cell: object, *, column: str, folder: Path, where: str) -> Any:  # noqa: ANN401 - text, image or audio
    match column:
        case "image":
            return decode_image(read_media_cell(cell, folder=folder, where=where), where=where)
        case "audio":
            return decode_audio(read_media_cell(cell, folder=folder, where=where), where=where)
        case _:
            if not isinstance(cell, str) or not cell.strip():
                raise DatasetError(f"{where}: {cell!r} is not a non-empty text")
            return cell


class _HubTable(Sequence[Mapping[str, Any]]):
    """A dataset of the library ``datasets`` as a table whose rows are read on demand."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - untyped
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - a number, or a slice
        if isinstance(key, slice):
            return [self._table[number] for number in range(*key.indices(len(self)))]
        return self._table[key]


def _load_hub_table(ref: DatasetRef) -> tuple[Table, str | None]:
    import datasets  # noqa: PLC0415 - heavy, and a run on a local file needs none of it
    import huggingface_hub  # noqa: PLC0415 - as above

    assert ref.name is not None  # noqa: S101 - the record holds a name or a path
    commit = ref.revision
    with contextlib.suppress(Exception):  # offline: the cached copy is used, its commit is unknown
        commit = huggingface_hub.HfApi().dataset_info(ref.name, revision=ref.revision, timeout=3).sha
    try:
        table = datasets.load_dataset(ref.name, split=ref.split, revision=commit)
    except Exception as error:  # datasets raises many types; each means that the prompts cannot be loaded
        raise DatasetError(
            f"dataset {ref.name}: cannot be loaded: {' '.join(str(error).split())}. "
            f"Without the Hub, use --prompts-file, or scenario.dataset_name for one model ({FORMATS})."
        ) from error
    for name, feature in table.features.items():
        if type(feature).__name__ in ("Image", "Audio"):  # the library would need torchcodec to decode sound
            table = table.cast_column(name, type(feature)(decode=False))
    return _HubTable(table), commit
