"""The documented keys, and how an argument ``key=value`` reaches Hydra."""

import re
from collections.abc import Sequence

from energy_score.contract.errors import UsageError

PARAMETERS = "scenario.reasoning_params"

# Keys whose value is a name, a path or a word: taken literally, whatever characters it has.
_LITERAL = (
    "backend.model",
    "backend.processor",
    "backend.device",
    "backend.device_ids",
    "backend.torch_dtype",
    "backend.device_map",
    "backend.task",
    "scenario.dataset_name",
    "scenario.text_column_name",
)
# Keys whose value Hydra's grammar types: a number, true or false, null, a list, a mapping.
_TYPED = (
    "backend.no_weights",
    "scenario.num_samples",
    "scenario.truncation",
    "scenario.reasoning",
    PARAMETERS,
    "scenario.generate_kwargs.max_new_tokens",
    "scenario.generate_kwargs.min_new_tokens",
    "scenario.input_shapes.batch_size",
)
KEYS = (*_LITERAL, *_TYPED)

_VARIABLE = re.compile(rf"{re.escape(PARAMETERS)}\.[A-Za-z_]\w*", re.ASCII)
_VALID = f"valid are {', '.join(KEYS)} (and {PARAMETERS}.NAME)"


def overrides_of(arguments: Sequence[str]) -> dict[str, str]:
    """Each argument as Hydra's override, by its key; Hydra's ``+`` and ``++`` before a key change nothing.

    Raises:
        UsageError: no ``key=value``, an unknown key, or one key with two values.
    """
    values: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        key = name.removeprefix("+").removeprefix("+")
        if not equals:
            raise UsageError(f"{argument!r} is no key=value; {_VALID}")
        if name.startswith("~"):
            raise UsageError(f"{argument!r} deletes a key; valid is KEY=null for its default")
        if key not in KEYS and not _VARIABLE.fullmatch(key):
            raise UsageError(f"{key!r} is no key; {_VALID}")
        if values.setdefault(key, value) != value:
            raise UsageError(f"{key} is given twice, {values[key]!r} and {value!r}; valid is one value")
    if PARAMETERS in values and any(_VARIABLE.fullmatch(key) for key in values):
        raise UsageError(f"{PARAMETERS} is given whole and by name; valid is one of them")
    return {key: _override(key, value) for key, value in values.items()}


def _override(key: str, value: str) -> str:
    """The override in Hydra's grammar; variables of the chat template are added, every other key is there."""
    if key in _LITERAL and value != "null" and not (key == "backend.device_ids" and value.startswith("[")):
        value = quoted(value)
    return f"++{key}={value}" if key.startswith(PARAMETERS) else f"{key}={value}"


def quoted(text: str) -> str:
    """``text`` between Hydra's quotes, so that it comes out of the composition as it went in.

    Source: Hydra, "Quoted values", and OmegaConf, "Escaping in interpolations": a backslash is only special before a
    quote, or before the opening of an interpolation.
    """
    no_interpolation = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    before_quotes = re.sub(r"(\\*)'", r"\1\1\\'", no_interpolation)
    before_end = re.sub(r"(\\+)$", r"\1\1", before_quotes)
    return f"'{before_end}'"
