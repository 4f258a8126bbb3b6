"""The documented keys, and how a ``key=value`` argument is passed to Hydra."""

import re
from collections.abc import Sequence

from energy_score.contract.errors import UsageError

PARAMETERS = "scenario.reasoning_params"

# Keys whose value is a name, a path or a word: used literally, with any characters.
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
# Keys whose value is parsed by Hydra's grammar: a number, true or false, null, a list, a mapping.
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
_KNOWN = f"Known keys: {', '.join(KEYS)} (and {PARAMETERS}.NAME)."


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """Return each argument as Hydra's override, by its key; Hydra's prefixes ``+`` and ``++`` have no effect.

    Raises:
        UsageError: An argument is not ``key=value``, a key is unknown, or a key has two values.
    """
    values: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        key = name.removeprefix("+").removeprefix("+")
        if not equals:
            raise UsageError(f"{argument!r} is not KEY=VALUE. {_KNOWN}")
        if name.startswith("~"):
            raise UsageError(f"{argument!r} deletes a key. Use KEY=null for its default.")
        if key not in KEYS and not _VARIABLE.fullmatch(key):
            raise UsageError(f"unknown key {key!r}. {_KNOWN}")
        if values.setdefault(key, value) != value:
            raise UsageError(f"{key} is given twice, as {values[key]!r} and {value!r}. Use one value.")
    if PARAMETERS in values and any(_VARIABLE.fullmatch(key) for key in values):
        raise UsageError(f"{PARAMETERS} is given both as a whole and by name. Use one of them.")
    return {key: _override(key, value) for key, value in values.items()}


def _override(key: str, value: str) -> str:
    """Return the override in Hydra's grammar; chat template variables are added, all other keys already exist."""
    if key in _LITERAL and value != "null" and not (key == "backend.device_ids" and value.startswith("[")):
        value = quote_for_hydra(value)
    return f"++{key}={value}" if key.startswith(PARAMETERS) else f"{key}={value}"


def quote_for_hydra(text: str) -> str:
    """Return ``text`` in Hydra's quotes, so that the composition returns it unchanged.

    Source: Hydra, "Quoted values", and OmegaConf, "Escaping in interpolations": a backslash is only special before a
    quote, or before the start of an interpolation.
    """
    no_interpolation = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    before_quotes = re.sub(r"(\\*)'", r"\1\1\\'", no_interpolation)
    before_end = re.sub(r"(\\+)$", r"\1\1", before_quotes)
    return f"'{before_end}'"
