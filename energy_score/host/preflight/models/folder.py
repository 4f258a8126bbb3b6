"""The facts about a model in a folder: a local one, or a snapshot in the Hub's cache."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from energy_score.host.model_files.hub_cache import find_cached_snapshot
from energy_score.host.model_files.safetensors_header import Tensor, read_tensors
from energy_score.host.preflight.models.facts import CARD, Model, ModelFacts, UnreadableError, Where, read_file_facts

# A folder of results or checkpoints next to the weights can contain any number of files.
_DEPTH = ("*", "*/*")


def read_folder(folder: Path, *, index_file: str, where: Where = "folder") -> ModelFacts:
    """Return the facts about the model in ``folder``, without using the network."""
    files: dict[str, int | None] = {}
    for path in (path for pattern in _DEPTH for path in folder.glob(pattern)):
        with suppress(OSError):  # files without read permission are not part of the model
            if path.is_file():
                files[path.relative_to(folder).as_posix()] = path.stat().st_size

    def read(name: str) -> str:
        try:
            return (folder / name).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UnreadableError(f"{name}: {error.strerror}") from error

    known = read_file_facts(files, read, index_file=index_file)
    tensors, fault = _read_all_tensors([folder / name for name in known["weights"].names], known["weights"].kind)
    return ModelFacts(where=where, tensors=tensors, tensors_fault=fault, cached=True, download_bytes=0, **known)


def read_cache(model: Model, *, reason: str) -> ModelFacts:
    """Return the facts about the cached copy of ``model``; ``reason`` is why the Hub was not asked."""
    snapshot = find_cached_snapshot(model.model_id, model.revision)
    if snapshot is None:
        return ModelFacts(where="hub", absence="unknown", detail=reason)
    facts = read_folder(snapshot, index_file=model.index_file, where="cache")
    weights = facts.weights
    is_whole = facts.index is not None and weights.kind in ("safetensors", "pickle") and not weights.missing
    if not is_whole and CARD not in facts.files:
        facts = replace(facts, card=None)
    download_bytes = 0 if is_whole else None
    return replace(facts, commit=snapshot.name, detail=reason, cached=is_whole, download_bytes=download_bytes)


def _read_all_tensors(files: list[Path], kind: str) -> tuple[tuple[Tensor, ...] | None, str | None]:
    if kind != "safetensors":
        return None, None
    try:
        return tuple(tensor for file in files for tensor in _whole_tensors(file)), None
    except (OSError, ValueError) as error:
        return None, str(error)


def _whole_tensors(file: Path) -> tuple[Tensor, ...]:
    """Return the tensors of ``file``; raise ValueError for a truncated copy, which the header alone does not show."""
    tensors = read_tensors(file)
    needed, size = sum(tensor.stored_bytes for tensor in tensors), file.stat().st_size
    if size < needed:
        raise ValueError(f"{file.name}: truncated: {size} bytes, but its tensors alone need {needed}")
    return tensors
