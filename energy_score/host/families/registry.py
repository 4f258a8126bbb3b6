"""The families of ``families.toml``, most specific first, and those that installed packages add."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from energy_score.contract import extensions
from energy_score.contract.errors import UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.contract.prompt_plan import Family
from energy_score.host.families.family import DEFAULT_PLAN, named, switched_by

_FILE = Path(__file__).with_name("families.toml")


def _read_families() -> tuple[Family, ...]:
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))["family"]
    return tuple(_family_from(entry) for entry in entries)


def _family_from(entry: Mapping[str, Any]) -> Family:
    fields = {"default": None, **entry, "pattern": named(entry["pattern"])}
    variable = fields.pop("variable", None)
    if variable is not None:
        fields |= {"plans": switched_by(variable), "switches": (variable,)}
    elif fields["kind"] == "never":
        fields.setdefault("plans", {"off": DEFAULT_PLAN})
    elif fields["kind"] == "always":
        fields.setdefault("plans", {"on": DEFAULT_PLAN})
    return Family.model_validate(fields)


FAMILIES: tuple[Family, ...] = _read_families()

# One alternation of all patterns, in order: ten thousand rows ask, and one match is ten times as fast as twenty.
_ANY = re.compile("|".join(f"({family.pattern})" for family in FAMILIES))


@lru_cache(maxsize=1 << 16)
def find_family(model_id: str) -> Family | None:
    """Return the family of a Hub id or local folder, by its last part; None if none is known.

    Families of other packages come first, by name: whoever installs one wants it for its models.

    Raises:
        UsageError: A family of another package cannot be loaded.
    """
    for name in _names(model_id):
        for family in added_families():
            if re.match(family.pattern, name):
                return family
        match = _ANY.match(name)
        if match and match.lastindex:
            return FAMILIES[match.lastindex - 1]
    return None


@lru_cache(maxsize=1)
def added_families() -> tuple[Family, ...]:
    """Return the families that installed packages add.

    Raises:
        UsageError: One of them cannot be loaded, or is not a family.
    """
    families = []
    for name in extension_names(extensions.FAMILIES):
        added = load_extension(extensions.FAMILIES, name)
        if not isinstance(added, Family):
            raise UsageError(f"entry point {name!r} of {extensions.FAMILIES}: {added!r} is no Family")
        families.append(added)
    return tuple(families)


def _names(model_id: str) -> Iterator[str]:
    """The model's own name in lower case, and what is left of it without an owner written before it.

    ``openai_gpt-oss-20b`` and the Hub cache's ``models--Qwen--Qwen3-0.6B/snapshots/COMMIT`` carry their owner along.
    """
    parts = model_id.lower().replace("\\", "/").rstrip("/").split("/")
    if len(parts) > 2 and parts[-2] == "snapshots":  # noqa: PLR2004 - folder, "snapshots", commit
        parts = parts[:-2]
    name = parts[-1].rpartition("--")[2]
    yield name
    _, separator, rest = name.partition("_")
    if separator:
        yield rest
