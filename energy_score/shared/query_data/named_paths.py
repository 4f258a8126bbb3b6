"""The local paths that options name, made absolute, because a run happens in another working directory."""

from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import is_local_model

_VALID_PROMPTS = "valid is a CSV, JSON, JSONL, Parquet or text file, or a folder of images or of audio files"
# Taken for plain text, a table's header and the cells beside its texts would be queries.
_OTHER_TABLES = frozenset({".arrow", ".feather", ".ndjson", ".ods", ".tsv", ".xls", ".xlsx", ".xml", ".yaml", ".yml"})


def prompts_path(file: Path | None) -> Path | None:
    """The absolute path of the prompts file or folder, which can be read; None for none.

    Raises:
        UsageError: it cannot be read, or is a table of another format than those that are.
    """
    if file is None:
        return None
    try:
        path = file.expanduser().resolve()
        str(path).encode()  # a record of the run names it, and is UTF-8
        if not path.is_dir():
            path.open("rb").close()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"--prompts-file {file}: cannot be read: {why_unreadable(error)}; {_VALID_PROMPTS}") from error
    if path.suffix.lower() in _OTHER_TABLES and not path.is_dir():
        raise UsageError(f"--prompts-file {file}: tables in {path.suffix} are not read; {_VALID_PROMPTS}")
    return path


def processor_location(choice: str | None) -> str | None:
    """The processor as a spec names it: a Hub id, or a folder by its absolute path; None for none.

    Raises:
        UsageError: it is written as a folder, and there is none.
    """
    if choice is None or not is_local_model(choice):
        return choice
    try:
        folder = Path(choice).expanduser().resolve()
        is_folder = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"processor {choice!r}: {why_unreadable(error)}; valid is a Hub id or a folder") from error
    if not is_folder:
        raise UsageError(f"processor {choice!r} is no folder: {folder}; valid is a Hub id (org/name) or a folder")
    return str(folder)


def why_unreadable(error: Exception) -> str:
    """The reason in the system's words; what is no path at all has none from the system."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
