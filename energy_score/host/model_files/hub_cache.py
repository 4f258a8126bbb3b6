"""What this machine has cached from the Hugging Face Hub, based only on the cache's layout.

Source of the layout: huggingface_hub, "Understand caching"; datasets, "Cache management".
"""

import os
import re
from pathlib import Path

from energy_score.contract.foreign_json import parse_json
from energy_score.host.model_files.hub_home import hub_home

_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = ("*.safetensors", "*.bin")
_WEIGHT_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


def hub_cache() -> Path:
    """Return the folder of downloaded repositories."""
    return Path(os.environ.get("HF_HUB_CACHE") or hub_home() / "hub").expanduser()


def datasets_cache() -> Path:
    """Return the folder of prepared datasets."""
    return Path(os.environ.get("HF_DATASETS_CACHE") or hub_home() / "datasets").expanduser()


def is_model_cached(model_id: str, revision: str | None) -> bool:
    """Return whether config and all weights of ``revision`` (a branch, tag or commit; None: main) are in the cache."""
    snapshot = find_cached_snapshot(model_id, revision)
    try:
        return snapshot is not None and (snapshot / "config.json").exists() and _has_weights(snapshot)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # an index can contain anything
        return False


def get_blob_folder(model_id: str) -> Path:
    """Return the cache's folder of file contents for all commits of the model; large files are named by SHA-256."""
    return _repository(model_id) / "blobs"


def _repository(model_id: str) -> Path:
    return hub_cache() / f"models--{model_id.replace('/', '--')}"


def find_cached_snapshot(model_id: str, revision: str | None) -> Path | None:
    """Return the cached folder of ``revision`` (as above), complete or not, or None if nothing is cached."""
    repository = _repository(model_id)
    revision = revision or "main"
    try:
        is_commit = _COMMIT.fullmatch(revision) and (repository / "snapshots" / revision).is_dir()
        commit = revision if is_commit else (repository / "refs" / revision).read_text(encoding="ascii").strip()
        snapshot = repository / "snapshots" / commit
        return snapshot if snapshot.is_dir() else None
    except (OSError, ValueError):
        return None


def is_dataset_cached(name: str) -> bool:
    """Return whether the cache has a prepared copy of the dataset."""
    wanted = _plain("___".join(name.split("/")))
    folders = [folder for folder in _folders(datasets_cache()) if _plain(folder.name) == wanted]
    return any(path for folder in folders for path in folder.rglob("*.arrow"))


def _plain(name: str) -> str:
    """Return the name without underscores and capitals, which ``datasets`` changes."""
    return name.replace("_", "").lower()


def _folders(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if entry.is_dir()] if path.is_dir() else []


def _has_weights(snapshot: Path) -> bool:
    """Return whether every file in the index exists, or without an index, whether there are any weights."""
    indexes = [snapshot / name for name in _WEIGHT_INDEXES if (snapshot / name).exists()]
    if indexes:
        return any(_names_what_is_there(index) for index in indexes)
    # A link whose target was never downloaded does not count as a file.
    return any(path.exists() for pattern in _WEIGHTS for path in snapshot.glob(pattern))


def _names_what_is_there(index: Path) -> bool:
    """Return whether each file in the index exists; an unreadable index lists none."""
    try:
        return all((index.parent / part).exists() for part in parse_json(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
