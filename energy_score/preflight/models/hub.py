"""The facts of a model on the Hub: one answer about the repository, a few small files, and the headers of its weights.

No weights are downloaded, and nothing is written. Through huggingface_hub, which reads HF_ENDPOINT and HF_TOKEN.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from energy_score.executors.hub_cache import cached_snapshot, is_model_cached
from energy_score.preflight.models.facts import Absence, Model, ModelFacts, UnreadableError, facts_of_files
from energy_score.preflight.models.folder import read_cache
from energy_score.weights.quantization import quantization_of
from energy_score.weights.safetensors_header import Tensor

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

_TIMEOUT_S = 5.0
_HEADERS_AT_A_TIME = 4
# The width of each type, in bytes. Source: the safetensors format.
_BYTES_OF_TYPE = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
# Files that are downloaded with a model's weights: configs, tokenizers, lists.
_SMALL_ENDINGS = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")


# What making facts of an answer raises where it is not what the Hub writes.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)


class HubReader:
    """Reads models from the Hub; once that has not answered in time, it is not asked again."""

    def __init__(self) -> None:
        from huggingface_hub import HfApi  # noqa: PLC0415 - only models of the Hub need it

        # Not the library's own constant: that was read when it was imported.
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="ai-energy-score-batch-runner")
        # The Hub libraries' own setting of how long an answer may take.
        self._timeout_s = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or _TIMEOUT_S)
        self.silence: str | None = None

    def read(self, model: Model) -> ModelFacts:
        """The facts of ``model``; where the Hub gives no answer, those of its cached copy."""
        if self.silence is not None:
            return read_cache(model, reason=self.silence)
        try:
            info = self._asked(lambda: self._api.model_info(
                model.model_id, revision=model.revision, files_metadata=True, timeout=self._timeout_s
            ))  # fmt: skip
            return self._read(model, info)
        except _UNREADABLE as error:
            return read_cache(model, reason=f"the Hub's answer cannot be read ({_said(error)})")
        except _AbsentError as error:
            if error.absence == "unknown":
                return read_cache(model, reason=str(error))
            cached = is_model_cached(model.model_id, model.revision)
            return ModelFacts(where="hub", absence=error.absence, detail=str(error), cached=cached)

    def _read(self, model: Model, info: "ModelInfo") -> ModelFacts:
        files = _files_of(info)
        commit = info.sha or model.revision or "main"

        def read(name: str) -> str:
            try:
                return str(self._asked(lambda: self._text(info.id, name, commit)))
            except _AbsentError as error:
                raise UnreadableError(str(error), is_refused=error.is_gated) from error

        known = facts_of_files(files, read, index_file=model.index_file)
        names = known["weights"].names
        tensors, fault = None, None
        if known["weights"].kind == "safetensors":
            tensors = _counted(info, known["index"]) if names == _standard(names) else None
            if tensors is None and known["has_access"]:
                tensors, fault = self._tensors(info.id, names, commit)
        cached = is_model_cached(model.model_id, commit)
        snapshot = cached_snapshot(model.model_id, commit)
        return ModelFacts(
            where="hub", model_id=info.id, commit=info.sha, is_private=info.private,
            is_gated=None if info.gated is None else bool(info.gated), tensors=tensors, tensors_fault=fault,
            cached=cached, download_bytes=0 if cached else _download_bytes(snapshot, files, names), **known,
        )  # fmt: skip

    def _text(self, model_id: str, name: str, commit: str) -> str:
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status  # noqa: PLC0415 - as above
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415

        url = hf_hub_url(model_id, name, revision=commit, endpoint=self._api.endpoint)
        response = get_session().get(url, headers=build_hf_headers(), timeout=self._timeout_s)
        hf_raise_for_status(response)
        return str(response.text)

    def _tensors(self, model_id: str, names: tuple[str, ...], commit: str) -> tuple[tuple[Tensor, ...] | None, str]:
        """The tensors of all the weights, or why they are not known, read from the files' headers by byte ranges."""

        def tensors_of(name: str) -> list[Tensor]:
            found = self._asked(lambda: self._api.parse_safetensors_file_metadata(
                model_id, name, revision=commit, timeout=self._timeout_s
            ))  # fmt: skip
            return [
                Tensor(key, tensor.dtype, tensor.parameter_count, tensor.data_offsets[1] - tensor.data_offsets[0])
                for key, tensor in found.tensors.items()
            ]

        try:
            with ThreadPoolExecutor(_HEADERS_AT_A_TIME) as pool:
                return tuple(tensor for found in pool.map(tensors_of, names) for tensor in found), ""
        except _AbsentError as error:
            return None, str(error)

    def _asked(self, question: Any) -> Any:  # noqa: ANN401 - whatever the question answers
        """The answer to ``question``; _AbsentError where there is none, with what the Hub said."""
        import httpx2  # noqa: PLC0415 - as above
        from huggingface_hub import errors  # noqa: PLC0415

        try:
            return question()
        except errors.GatedRepoError as error:  # before the error that it is a kind of
            raise _AbsentError("missing", _said(error), is_gated=True) from error
        except errors.RevisionNotFoundError as error:
            raise _AbsentError("revision", _said(error)) from error
        except errors.DisabledRepoError as error:
            raise _AbsentError("disabled", _said(error)) from error
        except errors.HFValidationError as error:
            raise _AbsentError("missing", f"it is no id of the Hub: {_said(error)}") from error
        except errors.RepositoryNotFoundError as error:
            raise _AbsentError("missing", f"the Hub answered {error.response.status_code}") from error
        except errors.HfHubHTTPError as error:
            raise _AbsentError("unknown", f"the Hub answered {error.response.status_code}") from error
        except errors.OfflineModeIsEnabled as error:
            raise _AbsentError("unknown", "offline, as HF_HUB_OFFLINE asks") from error
        except (httpx2.TransportError, OSError) as error:
            self.silence = f"the Hub gives no answer ({_said(error)})"
            raise _AbsentError("unknown", self.silence) from error
        except (httpx2.HTTPError, errors.SafetensorsParsingError, *_UNREADABLE) as error:
            raise _AbsentError("unknown", f"the Hub's answer cannot be read ({_said(error)})") from error


def _files_of(info: "ModelInfo") -> dict[str, int | None]:
    """The files that the answer names, with their sizes; ValueError for an answer that no Hub gives.

    huggingface_hub takes what it is given: a name may be anything.
    """
    if info.siblings is None:
        raise ValueError("it names no files")
    texts = [info.id, *(file.rfilename for file in info.siblings), *([] if info.sha is None else [info.sha])]
    sizes = [file.size for file in info.siblings if file.size is not None]
    counts = list((info.safetensors.parameters if info.safetensors else {}).values())
    if not all(isinstance(text, str) for text in texts) or not all(type(size) is int for size in (*sizes, *counts)):
        raise ValueError("names that are no text, or sizes that are no numbers")
    return {file.rfilename: file.size for file in info.siblings}


class _AbsentError(Exception):
    def __init__(self, absence: Absence, said: str, *, is_gated: bool = False) -> None:
        super().__init__(said)
        self.absence = absence
        self.is_gated = is_gated


def _said(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _standard(names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``names`` that the Hub itself counts parameters in: a repository's own weights, not its parts'."""
    return tuple(name for name in names if "/" not in name)


def _counted(info: "ModelInfo", index: Mapping[str, Any] | None) -> tuple[Tensor, ...] | None:
    """The parameters by type as the Hub has counted them in the headers; None where it has not.

    Of quantized weights the counts say too little: packed and helping tensors are told apart by their names alone.
    """
    counts = info.safetensors.parameters if info.safetensors else {}
    if not counts or (index is not None and quantization_of(index) is not None):
        return None
    if index is None and set(counts) - {"F64", "F32", "F16", "BF16"}:
        return None
    if set(counts) - set(_BYTES_OF_TYPE):
        return None
    return tuple(Tensor("", dtype, count, count * _BYTES_OF_TYPE[dtype]) for dtype, count in counts.items())


def _download_bytes(snapshot: Path | None, files: Mapping[str, int | None], weights: tuple[str, ...]) -> int | None:
    """What a run would download; None where a file's size is not known."""
    small = {name for name in files if name.endswith(_SMALL_ENDINGS) and "/" not in name}
    sizes = [files[name] for name in {*weights, *small} if not _is_there(snapshot, name)]
    return None if any(size is None for size in sizes) else sum(size for size in sizes if size is not None)


def _is_there(snapshot: Path | None, name: str) -> bool:
    return snapshot is not None and (snapshot / name).exists()
