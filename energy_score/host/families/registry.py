"""The families, most specific first; a new one is one new file and one line here."""

import re
from collections.abc import Iterator
from functools import lru_cache

from energy_score.contract import extensions
from energy_score.contract.errors import UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.host.families import (
    apertus,
    deepseek_r1,
    deepseek_v3,
    deepseek_v31,
    exaone4,
    gemma3,
    glm4,
    gpt_oss,
    granite4,
    hunyuan,
    kimi_k2,
    magistral,
    minimax_m1,
    mistral,
    nemotron_super,
    other,
    phi4_reasoning,
    qwen3,
    qwen3_instruct,
    qwen3_thinking,
    qwen25,
    smollm3,
)
from energy_score.host.families.family import Family

FAMILIES: tuple[Family, ...] = (
    gpt_oss.FAMILY,
    deepseek_r1.FAMILY,
    deepseek_v31.FAMILY,
    deepseek_v3.FAMILY,
    qwen3_thinking.FAMILY,
    qwen3_instruct.FAMILY,
    qwen3.FAMILY,
    qwen25.FAMILY,
    hunyuan.FAMILY,
    exaone4.FAMILY,
    nemotron_super.FAMILY,
    smollm3.FAMILY,
    phi4_reasoning.FAMILY,
    glm4.FAMILY,
    magistral.FAMILY,
    minimax_m1.FAMILY,
    apertus.FAMILY,
    kimi_k2.FAMILY,
    gemma3.FAMILY,
    granite4.FAMILY,
    mistral.FAMILY,
    other.FAMILY,
)


# One alternation of all patterns, in order: ten thousand rows ask, and one match is ten times as fast as twenty.
_ANY = re.compile("|".join(f"({family.pattern.pattern})" for family in FAMILIES if family is not other.FAMILY))


@lru_cache(maxsize=1 << 16)
def family_of(model_id: str) -> Family:
    """Return the family of a Hub id or local folder, by its last part; ``other`` where none is known.

    Families of other packages come first, by name: whoever installs one wants it for its models.

    Raises:
        UsageError: a family of another package cannot be loaded.
    """
    for name in _names(model_id):
        for family in added_families():
            if family.pattern.match(name):
                return family
        match = _ANY.match(name)
        if match and match.lastindex:
            return FAMILIES[match.lastindex - 1]
    return other.FAMILY


@lru_cache(maxsize=1)
def added_families() -> tuple[Family, ...]:
    """Return the families that installed packages add.

    Raises:
        UsageError: one of them cannot be loaded, or is no family.
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
