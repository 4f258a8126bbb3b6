"""The Chat Template cell: key-value pairs and a few documented sentences among free prose."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from energy_score.contract.model_config import ParameterValue

# "key: value" or "key=value" where the value is one word, so that a sentence after a colon is read as prose. Keys are
# template variables: lower case, or the sheet's "Reasoning:".
_PAIR = re.compile(r"""["']?([Rr]easoning|[a-z_][a-z0-9_]*)["']?\s*[:=]\s*([^\s=:/][^\s=]*)\s*""", re.ASCII)
_BETWEEN_PAIRS = re.compile(r"[\n\r,;{}]")
# What may stand around a pair in pasted text: Markdown's list marks and code marks.
_BEFORE_A_PAIR, _BEHIND_A_PAIR = " *-`", " `"
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_FLOAT = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")

# The sentences of the October 2025 sheet: "Prepend input with <think>." and "/think before the prompt."; the same for
# the end of the prompt. "/no_think in the system prompt" is none of them: a family knows its own system prompt.
_WORD = r"[`'\"]?([<\[/][^\s.,;`'\"]+)"
_PREPEND = re.compile(rf"\bprepend\w*\b[^.\n]*?\bwith\s+{_WORD}", re.IGNORECASE)
_BEFORE = re.compile(rf"{_WORD}[`'\"]?\s+before\s+the\s+(?:user\s+)?(?:prompt|input|text)\b", re.IGNORECASE)
_APPEND = re.compile(rf"\bappend\w*\b[^.\n]*?\bwith\s+{_WORD}", re.IGNORECASE)
_AFTER = re.compile(rf"{_WORD}[`'\"]?\s+after\s+the\s+(?:user\s+)?(?:prompt|input|text)\b", re.IGNORECASE)


@dataclass(frozen=True)
class ChatTemplateCell:
    """What the cell asks for: template variables, and text around the prompt."""

    parameters: tuple[tuple[str, ParameterValue], ...]
    prefix: str
    suffix: str


@lru_cache(maxsize=4096)
def chat_template_of(cell: str) -> ChatTemplateCell:
    """The meaning of the cell; prose that asks for nothing known means nothing.

    A nested block (``reasoning_params:``, or in braces) is flattened. A word is set off from the prompt by a space, a
    tag is not.
    """
    prefix = _first(cell, _PREPEND, _BEFORE)
    suffix = _first(cell, _APPEND, _AFTER)
    return ChatTemplateCell(
        parameters=tuple(dict(_pairs(cell)).items()),
        prefix=f"{prefix} " if prefix.startswith("/") else prefix,
        suffix=f" {suffix}" if suffix.startswith("/") else suffix,
    )


def _first(cell: str, *sentences: re.Pattern[str]) -> str:
    matches = (sentence.search(cell) for sentence in sentences)
    return next((match[1] for match in matches if match), "")


def _pairs(cell: str) -> Iterator[tuple[str, ParameterValue]]:
    for piece in _BETWEEN_PAIRS.split(cell):
        plain = " ".join(piece.split())  # no-break spaces and the like are blanks too
        match = _PAIR.fullmatch(plain.lstrip(_BEFORE_A_PAIR).rstrip(_BEHIND_A_PAIR))
        if match and match[2].lower() not in ("null", "none"):
            yield match[1].lower(), _typed(match[2].strip("\"'"))


def _typed(text: str) -> ParameterValue:
    """The value as true/false, a number, or the text itself."""
    word = text.lower().removesuffix(".")  # of a sentence
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
