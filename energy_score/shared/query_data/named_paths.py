"""Make local paths in options absolute, because a run has another working directory."""

from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import is_local_model

_EXPECTED_PROMPTS = "expected a CSV, JSON, JSONL, Parquet or text file, or a folder of images or audio files"
# If read as plain text, a table's header and other cells would become queries.
_OTHER_TABLES = frozenset({".arrow", ".feather", ".ndjson", ".ods", ".tsv", ".xls", ".xlsx", ".xml", ".yaml", ".yml"})


def prompts_path(file: Path | None) -> Path | None:
    """Return the absolute path of the prompts file or folder after checking it; None for None.

    Raises:
        UsageError: It cannot be read, or is a table in an unsupported format.
    """
    if file is None:
        return None
    try:
        path = file.expanduser().resolve()
        str(path).encode()  # it is stored in a record of the run, which is UTF-8
        if not path.is_dir():
            path.open("rb").close()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"--prompts-file {file}: cannot be read: {why_unreadable(error)} ({_EXPECTED_PROMPTS})"
        ) from error
    if path.suffix.lower() in _OTHER_TABLES and not path.is_dir():
        raise UsageError(
            f"--prompts-file {file}: tables in {path.suffix} format are not supported ({_EXPECTED_PROMPTS})"
        )
    return path


def processor_location(choice: str | None) -> str | None:
    """Return the processor as in the spec: a Hub id, or the absolute path of a folder; None for None.

    Raises:
        UsageError: It is written as a folder that does not exist.
    """
    if choice is None or not is_local_model(choice):
        return choice
    try:
        folder = Path(choice).expanduser().resolve()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"processor {choice!r}: {why_unreadable(error)} (expected a Hub id or a folder)") from error
    if not is_folder:
        raise UsageError(
            f"processor {choice!r}: no such folder: {folder} (expected a Hub id such as org/name, or a folder)"
        )
    return str(folder)


def why_unreadable(error: Exception) -> str:
    """Return the system's error message, or a general one for something that is not a path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
