"""The local paths that options name, made absolute, because a run happens in another working directory."""

from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import is_local_model


def prompts_path(file: Path | None) -> Path | None:
    """The absolute path of the prompts file or folder, which can be read; None for none.

    Raises:
        UsageError: it cannot be read.
    """
    if file is None:
        return None
    path = file.expanduser().resolve()
    try:
        if not path.is_dir():
            path.open("rb").close()
    except OSError as error:
        raise UsageError(
            f"--prompts-file {path}: cannot be read: {error.strerror}; "
            "valid is a CSV, JSON, JSONL, Parquet or text file, or a folder of images or of audio files"
        ) from error
    return path


def processor_location(choice: str | None) -> str | None:
    """The processor as a spec names it: a Hub id, or a folder by its absolute path; None for none.

    Raises:
        UsageError: it is written as a folder, and there is none.
    """
    if choice is None or not is_local_model(choice):
        return choice
    folder = Path(choice).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"processor {choice!r} is no folder: {folder}; valid is a Hub id (org/name) or a folder")
    return str(folder)
