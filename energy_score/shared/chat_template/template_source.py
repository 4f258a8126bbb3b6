"""Where a model's chat template is stored: which of its files has it, and what its tokenizer always gives it."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from energy_score.contract.foreign_json import parse_json

# The files that may hold a template, in the order in which transformers 5 looks, and those with what belongs to it.
# Source: transformers, PreTrainedTokenizerBase and ProcessorMixin: chat_template.jinja is newest; processors of 2024
# and 2025 keep theirs in chat_template.json alone (Mistral-Small-3.1).
JINJA_FILES = ("chat_template.jinja", "additional_chat_templates/default.jinja")
TOKENIZER_CONFIG = "tokenizer_config.json"
PROCESSOR_FILES = ("chat_template.json", "processor_config.json")
GENERATION_CONFIG = "generation_config.json"
TEMPLATE_FILES = (*JINJA_FILES, TOKENIZER_CONFIG, *PROCESSOR_FILES, GENERATION_CONFIG)
_MAX_BYTES = 2**24
_DEFAULT_NAME = "default"
_SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

ReadText = Callable[[str], str | None]


@dataclass(frozen=True)
class TemplateSource:
    """A template, the variables that its tokenizer gives it, and the model's own defaults for its switches.

    ``file`` is where it was found. ``defaults`` are ``default_chat_template_kwargs`` of the generation config.
    """

    template: str
    file: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The digest (hex) of the template and of the defaults that it is rendered with."""
        content = self.template + (json.dumps(dict(self.defaults), sort_keys=True) if self.defaults else "")
        return hashlib.sha256(content.encode()).hexdigest()

    def as_key(self) -> str:
        """Return all of it as one text, for a cache."""
        return json.dumps([self.template, self.file, dict(self.variables), dict(self.defaults)], sort_keys=True)

    @classmethod
    def of_key(cls, key: str) -> Self:
        """Return what ``as_key`` was made of."""
        return cls(*json.loads(key))


def read_template_folder(folder: Path) -> TemplateSource | None:
    """Return the chat template in ``folder``; None if it has none, or cannot be read."""

    def read(name: str) -> str | None:
        path = folder / name
        try:
            return path.read_text(encoding="utf-8") if path.stat().st_size <= _MAX_BYTES else None
        except (OSError, UnicodeDecodeError, ValueError):
            return None

    return find_template(read)


def find_template(read: ReadText) -> TemplateSource | None:
    """Return the chat template among a model's files, each read by ``read`` (None: it is not there)."""
    config = _object_in(read(TOKENIZER_CONFIG))
    found = next(((name, text) for name in JINJA_FILES if (text := read(name))), None)
    if found is None and (text := template_in(config.get("chat_template"))):
        found = (TOKENIZER_CONFIG, text)
    if found is None:
        for name in PROCESSOR_FILES:
            if text := template_in(_object_in(read(name)).get("chat_template")):
                found = (name, text)
                break
    if found is None:
        return None
    return TemplateSource(
        template=found[1],
        file=found[0],
        variables=_special_tokens(config),
        defaults=default_kwargs_in(_object_in(read(GENERATION_CONFIG))),
    )


def template_in(value: object) -> str | None:
    """Return the template that a config holds: a text, or of several with names the one called default."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, Mapping):
        value = [{"name": name, "template": text} for name, text in value.items()]
    if isinstance(value, Collection):
        named = {entry.get("name"): entry.get("template") for entry in value if isinstance(entry, Mapping)}
        text = named.get(_DEFAULT_NAME)
        return text if isinstance(text, str) else None
    return None


def default_kwargs_in(generation_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template variables that the model's makers set by default."""
    kwargs = generation_config.get("default_chat_template_kwargs")
    return dict(kwargs) if isinstance(kwargs, Mapping) else {}


def _special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    tokens = {}
    for name in _SPECIAL_TOKENS:
        value = config.get(name)
        text = value.get("content") if isinstance(value, Mapping) else value
        if isinstance(text, str):
            tokens[name] = text
    return tokens


def _object_in(text: str | None) -> Mapping[str, Any]:
    try:
        content = parse_json(text) if text else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
