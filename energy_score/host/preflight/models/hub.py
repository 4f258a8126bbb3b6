"""The facts about a model on the Hub: one answer about the repository, a few small files, and the weight headers.

No weights are downloaded, and nothing is written.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from energy_score.host.model_files.hub_cache import find_cached_snapshot, get_blob_folder
from energy_score.host.model_files.quantization import get_quantization
from energy_score.host.model_files.safetensors_header import Tensor
from energy_score.host.preflight.models.facts import Model, ModelFacts, UnreadableError, read_file_facts
from energy_score.host.preflight.models.folder import read_cache
from energy_score.host.preflight.models.hub_requests import UNREADABLE, AbsentError, HubRequests, said

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

# The width of each type, in bytes. Source: the safetensors format.
_BYTES_OF_TYPE = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "F32": 4,
    "I32": 4,
    "U32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "U16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
# Files that are downloaded with a model's weights: configs, tokenizers, lists.
_SMALL_ENDINGS = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")


class HubReader:
    """Reads models from the Hub; if it does not answer, from the cache.

    ``limit_s`` is the caller's time limit for all of them.
    """

    def __init__(self, *, limit_s: float) -> None:
        self._hub = HubRequests(heads_limit_s=limit_s / 2)

    def give_up(self, reason: str) -> None:
        """Stop asking: further answers would come too late."""
        self._hub.silence = reason

    def read(self, model: Model) -> ModelFacts:
        """Return the facts about ``model``; if the Hub does not answer, those of its cached copy."""
        try:
            return self._read(model, self._hub.info(model.model_id, model.revision))
        except UNREADABLE as error:
            return read_cache(model, reason=f"the Hub's answer cannot be read ({said(error)})")
        except AbsentError as error:
            if error.absence == "unknown":
                return read_cache(model, reason=str(error))
            cached = read_cache(model, reason=str(error)).cached
            return ModelFacts(where="hub", absence=error.absence, detail=str(error), cached=cached)

    def _read(self, model: Model, info: "ModelInfo") -> ModelFacts:
        files = _get_files(info)
        commit = info.sha or model.revision or "main"

        def read(name: str) -> str:
            try:
                return self._hub.text(info.id, name, commit)
            except AbsentError as error:
                raise UnreadableError(str(error), is_refused=error.is_gated) from error

        known = read_file_facts(files, read, index_file=model.index_file)
        names = known["weights"].names
        tensors, fault = None, None
        if known["weights"].kind == "safetensors":
            tensors = _get_hub_counts(info, known["index"]) if names == _standard(names) else None
            if tensors is None and known["has_access"] is not False:
                tensors, fault = self._hub.tensors(info.id, names, commit)
        snapshot = find_cached_snapshot(model.model_id, commit)
        there = {name for name in files if snapshot is not None and (snapshot / name).exists()}
        cached = bool(names) and {model.index_file, *names} <= there
        there |= _cached_blobs(model.model_id, info)
        return ModelFacts(
            where="hub",
            model_id=info.id,
            commit=info.sha,
            is_private=info.private,
            is_gated=None if info.gated is None else bool(info.gated),
            tensors=tensors,
            tensors_fault=fault,
            cached=cached,
            download_bytes=0 if cached else _download_bytes(files, names, there),
            **known,
        )


def _get_files(info: "ModelInfo") -> dict[str, int | None]:
    """Return the files in the answer with their sizes; raise ValueError for an answer that is not from a Hub.

    huggingface_hub does not validate answers: a name can be anything.
    """
    if info.siblings is None:
        raise ValueError("it lists no files")
    texts = [info.id, *(file.rfilename for file in info.siblings), *([] if info.sha is None else [info.sha])]
    sizes = [file.size for file in info.siblings if file.size is not None]
    counts = list((info.safetensors.parameters if info.safetensors else {}).values())
    if not all(isinstance(text, str) for text in texts) or not all(type(size) is int for size in (*sizes, *counts)):
        raise ValueError("file names that are not text, or sizes that are not numbers")
    return {file.rfilename: file.size for file in info.siblings}


def _standard(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ``names`` in which the Hub itself counts parameters: a repository's own weights, not its parts'."""
    return tuple(name for name in names if "/" not in name)


def _get_hub_counts(info: "ModelInfo", index: Mapping[str, Any] | None) -> tuple[Tensor, ...] | None:
    """Return the parameters by type as counted by the Hub, or None if it has not counted them.

    For quantized weights the counts are not enough: packed and helper tensors differ only by name.
    """
    counts = info.safetensors.parameters if info.safetensors else {}
    if not counts or (index is not None and get_quantization(index) is not None):
        return None
    if index is None and set(counts) - {"F64", "F32", "F16", "BF16"}:
        return None
    if set(counts) - set(_BYTES_OF_TYPE):
        return None
    return tuple(Tensor("", dtype, count, count * _BYTES_OF_TYPE[dtype]) for dtype, count in counts.items())


def _download_bytes(files: Mapping[str, int | None], weights: tuple[str, ...], there: set[str]) -> int | None:
    """Return the size of what a run would download, or None if the size of a file is unknown."""
    small = {name for name in files if name.endswith(_SMALL_ENDINGS) and "/" not in name}
    sizes = [files[name] for name in {*weights, *small} - there]
    return None if any(size is None for size in sizes) else sum(size for size in sizes if size is not None)


def _cached_blobs(model_id: str, info: "ModelInfo") -> set[str]:
    """Return the files whose content is cached from another commit: a new card moves main and changes nothing else."""
    blobs = get_blob_folder(model_id)
    siblings = info.siblings or ()
    return {file.rfilename for file in siblings if file.lfs is not None and (blobs / str(file.lfs.sha256)).exists()}
