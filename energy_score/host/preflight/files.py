"""Files on this machine: the sheet, the Hub token, and the disk space for results and models."""

import os
import shutil
from pathlib import Path

from energy_score.contract.errors import EnergyScoreError
from energy_score.host.model_files.hub_home import hub_home, hub_token
from energy_score.host.preflight.check import Check
from model_config_parser import ModelConfigParser

_GIB = 2**30
# A run's files take about 1 MiB; an official batch with its logs stays far below this.
_OUTPUT_MIN_BYTES = 1 * _GIB
# The weights of a 20 B model in 16 bits, the limit of class A, take 40 GB.
_CACHE_MIN_BYTES = 40 * _GIB


def token_checks() -> list[Check]:
    """Return whether there is a Hub token, and where; the token itself is never part of a finding."""
    token = hub_token()
    if token is not None:
        return [Check("hub token", "ok", token.found, "")]
    remedy = "only needed for gated models: set HF_TOKEN, or run hf auth login"
    return [Check("hub token", "warning", "none", remedy)]


def disk_checks(output_directory: Path) -> list[Check]:
    """Return the disk space for results and downloaded models."""
    return [
        _disk_check("disk for results", output_directory, _OUTPUT_MIN_BYTES, "choose another --output-dir"),
        _disk_check("disk for models", hub_home(), _CACHE_MIN_BYTES, "make room, or set HF_HOME to a larger disk"),
    ]


def spreadsheet_checks(csv: Path) -> list[Check]:
    """Return whether the sheet can be read, and its number of rows."""
    parser = ModelConfigParser(csv)
    try:
        configs = parser.parse()
    except EnergyScoreError as error:
        first, *others = str(error).splitlines() or [""]
        more = f" (and {len(others)} more)" if others else ""
        remedy = f"for all errors, run python model_config_parser.py {csv}; for another sheet, use --csv"
        return [Check("spreadsheet", "missing", f"{first}{more}", remedy)]
    return [Check("spreadsheet", "ok", f"{csv}: {len(configs)} rows", "")]


def free_bytes_at(path: Path) -> int:
    """Return the free bytes on the file system of ``path``, which may not exist yet."""
    return shutil.disk_usage(_existing(path)).free


def _existing(path: Path) -> Path:
    existing = path.absolute()
    while not existing.exists():
        existing = existing.parent
    return existing


def _disk_check(name: str, path: Path, min_bytes: int, remedy: str) -> Check:
    existing = _existing(path)
    if not os.access(existing, os.W_OK):
        return Check(name, "missing", f"{path}: no permission to write to {existing}", remedy)
    free_bytes = free_bytes_at(existing)
    found = f"{path}: {free_bytes / _GIB:.1f} GiB free"
    if free_bytes < min_bytes:
        return Check(name, "warning", f"{found}, below {min_bytes / _GIB:g} GiB", remedy)
    return Check(name, "ok", found, "")
