"""The facts about one model, from the Hub's answer or a folder's files, without any judgement."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from energy_score.contract.foreign_json import parse_json
from energy_score.host.model_files.quantization import Quantization, get_quantization
from energy_score.host.model_files.safetensors_header import Tensor
from energy_score.host.model_files.weight_files import WeightFiles, find_weight_files, shards_in
from energy_score.shared.chat_template.template_source import JINJA_FILES, TemplateSource, find_template

Where = Literal["hub", "cache", "folder"]
# Why nothing more is known: the model or revision does not exist, the Hub disabled it, or did not answer.
Absence = Literal["missing", "revision", "disabled", "unknown"]

CARD = "README.md"
TOKENIZER_CONFIG = "tokenizer_config.json"
ADAPTER = "adapter_config.json"


class UnreadableError(Exception):
    """A file exists but cannot be read; ``is_refused``: its repository is gated and does not give us access."""

    def __init__(self, reason: str, *, is_refused: bool = False) -> None:
        super().__init__(reason)
        self.is_refused = is_refused


Read = Callable[[str], str]
TEXT_MAX_BYTES = 2**24  # far more than any config or card; larger files are not read


@dataclass(frozen=True)
class Model:
    """The model to check: a Hub id and revision (None: main), or the folder at ``path``, with its ``index_file``."""

    model_id: str
    path: str | None
    revision: str | None
    index_file: str


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model; None always means unknown.

    ``files`` are its files with their sizes in bytes. ``index`` is the content of its index file (config.json), or
    ``index_fault`` the reason if that cannot be read. ``tensors`` are those of the weights that a run loads.
    ``cached`` says whether this machine has all of it, and ``download_bytes`` how much is still to be downloaded.
    """

    where: Where
    absence: Absence | None = None
    detail: str = ""
    model_id: str = ""
    commit: str | None = None
    is_private: bool | None = None
    is_gated: bool | None = None
    has_access: bool | None = None
    files: Mapping[str, int | None] = field(default_factory=dict)
    weights: WeightFiles = field(default_factory=WeightFiles)
    index: Mapping[str, Any] | None = None
    index_fault: str | None = None
    tokenizer_config: Mapping[str, Any] | None = None
    adapter_base: str | None = None
    card: str | None = None
    template: TemplateSource | None = None
    tensors: tuple[Tensor, ...] | None = None
    tensors_fault: str | None = None
    cached: bool = False
    download_bytes: int | None = None

    @property
    def is_partial(self) -> bool:
        """Return whether the facts come from an incomplete copy in the cache; the Hub may have the missing parts."""
        return self.where == "cache" and not self.cached

    @property
    def quantization(self) -> Quantization | None:
        """Return the quantization according to the config."""
        return get_quantization(self.index or {})

    @property
    def has_chat_template(self) -> bool | None:
        """Whether the tokenizer has one, or the processor."""
        if self.template is not None or any(name in self.files for name in JINJA_FILES):
            return True
        if TOKENIZER_CONFIG not in self.files:
            return None if self.is_partial else False
        return None if self.tokenizer_config is None else bool(self.tokenizer_config.get("chat_template"))

    @property
    def text_config(self) -> Mapping[str, Any]:
        """Return the part of the config that describes the language model."""
        inner = (self.index or {}).get("text_config")
        return inner if isinstance(inner, dict) else self.index or {}


def read_file_facts(files: Mapping[str, int | None], read: Read, *, index_file: str) -> dict[str, Any]:
    """Return the fields of ``ModelFacts`` that follow from a list of files; ``read`` reads each text."""
    refused, was_read = False, False

    def bounded(name: str) -> str:
        nonlocal was_read
        if (files[name] or 0) > TEXT_MAX_BYTES:
            raise UnreadableError(f"{name} has {files[name]} bytes")
        text = read(name)
        was_read = was_read or name != CARD
        return text

    def text_of(name: str) -> str | None:
        nonlocal refused
        if name not in files:
            return None
        try:
            return bounded(name)
        except UnreadableError as error:
            refused = refused or error.is_refused
            return None

    index: Mapping[str, Any] | None = None
    index_fault: str | None = None if index_file in files else f"there is no {index_file}"
    if index_file in files:
        try:
            index = _parse_object(bounded(index_file))
        except UnreadableError as error:
            refused, index_fault = error.is_refused, None if error.is_refused else f"unknown: {error}"
        except ValueError as error:
            index_fault = f"{index_file} cannot be read: {error}"

    def shards_of(name: str) -> Collection[str] | None:
        return shards_in("" if refused else text_of(name) or "")

    # The card of a gated model can be readable even if nothing else is.
    card = text_of(CARD) if CARD in files else ""
    return {
        "files": files,
        "weights": find_weight_files(
            _select_part_files(files, index, index_file),
            index_file=index_file,
            named=named if isinstance(named := (index or {}).get("transformers_weights"), str) else None,
            shards_of=shards_of,
        ),
        "index": index,
        "index_fault": index_fault,
        "tokenizer_config": _parse_object_or_none(None if refused else text_of(TOKENIZER_CONFIG)),
        "adapter_base": _get_base_model(_parse_object_or_none(None if refused else text_of(ADAPTER))),
        "card": card,
        "template": None if refused else find_template(text_of),
        # The listing and the card are given of gated models too.
        "has_access": False if refused else True if was_read else None,
    }


def _select_part_files(files: Collection[str], index: Mapping[str, Any] | None, index_file: str) -> Collection[str]:
    """Return a pipeline's files without folders that its index does not list; for other models, all files.

    Each part is a pair of library and class, as in ``"unet": ["diffusers", "UNet2DConditionModel"]``.
    """
    if index is None or index_file == "config.json":
        return files
    parts = {name for name, value in index.items() if isinstance(value, list) and any(value)}
    return [name for name in files if "/" not in name or name.partition("/")[0] in parts]


def _parse_object(text: str) -> Mapping[str, Any]:
    content = parse_json(text)
    if not isinstance(content, dict):
        raise ValueError("not an object")  # noqa: TRY004 - an error in the file, not of the caller
    return content


def _parse_object_or_none(text: str | None) -> Mapping[str, Any] | None:
    """Return the object in ``text``, or None if it is not valid; loading the tokenizer will report that."""
    if text is None:
        return None
    try:
        return _parse_object(text)
    except ValueError:
        return None


def _get_base_model(adapter: Mapping[str, Any] | None) -> str | None:
    base = (adapter or {}).get("base_model_name_or_path")
    return base if isinstance(base, str) else None
