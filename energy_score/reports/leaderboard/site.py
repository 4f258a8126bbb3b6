"""Write the site as files: the leaderboard's page, its data, and a page for each model."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import jinja2
import pandas as pd

from energy_score import __version__
from energy_score.contract.csv_text import table_text
from energy_score.contract.errors import RecordError
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.reports.leaderboard.detail import read_detail
from energy_score.reports.leaderboard.entries import Entry, make_entries
from energy_score.reports.ratings.rating import Rating
from energy_score.reports.table import figure_with_interval

_TEMPLATES = resources.files("energy_score.reports.leaderboard") / "templates"
# Types by column, not by current content: columns with only whole numbers, or no values, would change their type.
_TYPES = {str: "string", int: "Int64", float: "Float64", bool: "boolean"}
_COLUMN_TYPES = {
    name: next(_TYPES[one] for one in (field.annotation, *get_args(field.annotation)) if one in _TYPES)
    for name, field in Entry.model_fields.items()
}
DATA_FILES = ("leaderboard.csv", "leaderboard.json", "leaderboard.parquet")


@dataclass(frozen=True)
class Prior:
    """An earlier leaderboard that stays available: its name, and its page relative to the site."""

    name: str
    page: str


@dataclass(frozen=True)
class RatedRun:
    """A rating with the run directory for its detail page; None if there is only a table."""

    rating: Rating
    directory: RunDirectory | None


def site_entries(runs: Sequence[RatedRun]) -> list[Entry]:
    """Return the lines of the leaderboard, each with its detail page if it has one."""
    return make_entries([run.rating for run in runs], [_detail_page(run.directory) for run in runs])


def write_site(
    folder: Path,
    runs: Sequence[RatedRun],
    *,
    made_at: datetime | None = None,
    priors: Sequence[Prior] = (),
    further_files: Sequence[str] = (),
) -> None:
    """Write all files of the site into ``folder``.

    ``made_at`` is the time shown on the pages; the default is now. ``further_files`` already exist, and
    are linked on the page next to the data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models").mkdir()
    environment = _environment()
    made = f"{(made_at or datetime.now(UTC)):%Y-%m-%d %H:%M} UTC"
    entries = site_entries(runs)
    for run, entry in zip(runs, entries, strict=True):
        if run.directory is not None and entry.page is not None:
            _write_detail(folder / entry.page, run.directory, entry, environment, made)
    records = [entry.model_dump(mode="json") for entry in entries]
    _write_data(folder, records)
    context = {
        "entries": entries,
        "data": records,
        "against": runs[0].rating.against if runs else "",
        "made": made,
        "priors": priors,
        "version": __version__,
        "data_files": (*DATA_FILES, *further_files),
        "tasks": sorted({entry.task for entry in entries if entry.task}),
        "classes": sorted({entry.model_class for entry in entries if entry.model_class}),
        "table_library": _table_library(),
        "table_css": _package_text("itables", "html/dt_bundle.css"),
        "script": (_TEMPLATES / "leaderboard.js").read_text(encoding="utf-8"),
    }
    page = environment.get_template("leaderboard.html").render(context)
    (folder / "index.html").write_text(page, encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (_TEMPLATES / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json_script"] = _json_script
    environment.filters["with_interval"] = figure_with_interval
    environment.filters["figure"] = lambda value, digits=4: "unknown" if value is None else f"{value:.{digits}g}"
    return environment


def _json_script(value: object) -> str:
    """Return JSON that is safe inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _detail_page(directory: RunDirectory | None) -> str | None:
    """Return the path of the run's page; None for a run without a result, which has no figures to show."""
    if directory is None or directory.state() is not RunState.DONE:
        return None
    name = directory.path.name
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    if safe != name:
        safe = f"{safe}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    return f"models/{safe}.html"


def _write_detail(
    path: Path, directory: RunDirectory, entry: Entry, environment: jinja2.Environment, made: str
) -> None:
    try:
        detail, fault = read_detail(directory), ""
    except RecordError as error:
        detail, fault = None, str(error).replace(str(directory.path), directory.path.name)
    page = environment.get_template("model.html").render(
        entry=entry, detail=detail, fault=fault, made=made, version=__version__
    )
    path.write_text(page, encoding="utf-8")


def _write_data(folder: Path, records: Sequence[dict[str, Any]]) -> None:
    """Write the entries as JSON, CSV and Parquet; CSV cells are escaped as in the results table."""
    columns = list(Entry.model_fields)
    (folder / "leaderboard.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    (folder / "leaderboard.csv").write_text(table_text(columns, (one.values() for one in records)), encoding="utf-8")
    table = pd.DataFrame(records, columns=columns).astype(_COLUMN_TYPES)
    with (folder / "leaderboard.parquet").open("wb") as stream:  # pyarrow only accepts UTF-8 paths
        table.to_parquet(stream, index=False)


def _table_library() -> str:
    """Return the JavaScript of DataTables from the package itables, for an import map."""
    return base64.b64encode(_package_text("itables", "html/dt_bundle.js").encode()).decode()


def _package_text(package: str, path: str) -> str:
    return (resources.files(package) / path).read_text(encoding="utf-8")
