"""The Chat Template cell: key-value pairs and a few documented sentences among free prose."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from energy_score.contract.model_config import ParameterValue
from energy_score.host.sheet.cells import CellFaultError
from energy_score.shared.chat_template.mode_request import BUDGET_KEYS, EFFORT_KEY, KNOWN_SWITCHES, LEVELS, STATE_KEY

# "key: value" or "key=value" where the value is one word, so that a sentence after a colon is read as prose. Keys are
# template variables: lower case, or the sheet's "Reasoning:".
_PAIR = re.compile(r"""["']?([Rr]easoning|[a-z_][a-z0-9_]*)["']?\s*[:=]\s*([^\s=:/][^\s=]*)\s*""", re.ASCII)
# What a pasted call of apply_chat_template says beside the template's variables.
_OF_THE_CALL = frozenset(
    {
        "tokenize",
        "add_generation_prompt",
        "return_tensors",
        "return_dict",
        "padding",
        "truncation",
        "max_length",
        "messages",
        "conversation",
        "continue_final_message",
        "tools",
        "documents",
    }
)
_BETWEEN_PAIRS = re.compile(r"[\n\r,;{}()]")
# What may stand around a pair in pasted text: Markdown's list marks and code marks, brackets and quotes.
_BEFORE_A_PAIR, _BEHIND_A_PAIR = " *-`\"'[", " `]"
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_FLOAT = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")

# A switch that is known by name, wherever in the cell it is given a value: its value must be understood. Without "=" or
# ":" a name that is no English word must be followed by a value ("enable_thinking False"), or it is prose.
_NAMES = "|".join(sorted(KNOWN_SWITCHES, key=len, reverse=True))
_SWITCH = re.compile(
    rf"(?<![\w.-])[\"'*`]*({_NAMES})[\"'*`]*\s*(={{1,2}}|:|->|=>)\s*([^,;\n\r(){{}}]*)", re.IGNORECASE | re.ASCII
)
_SPOKEN = re.compile(
    rf"(?<![\w.-])[\"'*`]*((?=\w*_)(?:{_NAMES}))[\"'*`]*\s+(?:(?:is|set|to|as)\s+)*[\"'*`]*"
    r"(true|false|on|off|enabled|disabled|none|low|medium|high|minimal|max|xhigh|-?\d+)\b",
    re.IGNORECASE | re.ASCII,
)
_CURLY_QUOTES = {0x201C: '"', 0x201D: '"', 0x201E: '"', 0x2018: "'", 0x2019: "'", 0x201A: "'"}
_AROUND_A_VALUE = " \t`*\"'[]<>."
_TRUE = frozenset({"true", "on", "yes", "enabled", "enable", "1"})
_FALSE = frozenset({"false", "off", "no", "disabled", "disable", "none", "0"})
_NOTHING = frozenset({"null", ""})
_EFFORTS = (*LEVELS, "none", "minimal", "max", "xhigh")
_MODE_KEYS = frozenset({"thinking_mode", "reasoning_mode"})
_VALID = {
    "effort": f"use one of {', '.join(_EFFORTS)}",
    "budget": "use a whole number of tokens, -1 for no limit",
    "boolean": "use True or False",
}

# The sentences of the October 2025 sheet: "Prepend input with <think>.", "/think before the prompt." and "/no_think in
# the system prompt."; the same for the end of the prompt.
_WORD = r"[`'\"]?([<\[/][^\s.,;`'\"]+)"
_PREPEND = re.compile(rf"\bprepend\w*\b[^.\n]*?\bwith\s+{_WORD}", re.IGNORECASE)
_BEFORE = re.compile(rf"{_WORD}[`'\"]?\s+before\s+the\s+(?:user\s+)?(?:prompt|input|text)\b", re.IGNORECASE)
_APPEND = re.compile(rf"\bappend\w*\b[^.\n]*?\bwith\s+{_WORD}", re.IGNORECASE)
_AFTER = re.compile(rf"{_WORD}[`'\"]?\s+after\s+the\s+(?:user\s+)?(?:prompt|input|text)\b", re.IGNORECASE)
_IN_SYSTEM = re.compile(
    r"[`'\"]?(/[\w-]+|\bdetailed thinking (?:on|off)\b)[`'\"]?\s+(?:in|to|into|as)\s+(?:the\s+)?system\s+"
    r"(?:prompt|message|text)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ChatTemplateCell:
    """What the cell asks for: template variables, text around the prompt, and text for the system prompt."""

    parameters: tuple[tuple[str, ParameterValue], ...]
    prefix: str
    suffix: str
    system_text: str = ""


@lru_cache(maxsize=4096)
def parse_chat_template_cell(cell: str) -> ChatTemplateCell:
    """Return the meaning of the cell; prose that asks for nothing known means nothing.

    A nested block (``reasoning_params:``, or in braces) is flattened. A word is set off from the prompt by a space, a
    tag is not.

    Raises:
        CellFaultError: A known switch has a value that cannot be understood.
    """
    cell = _cleaned(cell)
    prefix = _first(cell, _PREPEND, _BEFORE)
    suffix = _first(cell, _APPEND, _AFTER)
    parameters = dict(_switches(cell)) | dict(_pairs(cell))
    return ChatTemplateCell(
        parameters=tuple(parameters.items()),
        prefix=f"{prefix} " if prefix.startswith("/") else prefix,
        suffix=f" {suffix}" if suffix.startswith("/") else suffix,
        system_text=_first(cell, _IN_SYSTEM),
    )


def _cleaned(cell: str) -> str:
    """The cell without invisible characters, full-width signs and curly quotes as plain ones."""
    visible = "".join(
        character
        for character in unicodedata.normalize("NFKC", cell)
        if character in "\n\r\t" or unicodedata.category(character) not in ("Cf", "Cc")
    )
    return visible.translate(_CURLY_QUOTES)


def _first(cell: str, *sentences: re.Pattern[str]) -> str:
    matches = (sentence.search(cell) for sentence in sentences)
    return next((match[1] for match in matches if match), "")


def _switches(cell: str) -> Iterator[tuple[str, ParameterValue]]:
    """Each known switch that the cell gives a value, with its meaning; a colon before a sentence is prose."""
    for match in _SWITCH.finditer(cell):
        key, sign, text = match[1].lower(), match[2], match[3]
        words = text.strip(_AROUND_A_VALUE).split()
        if sign == ":" and (len(words) > 1 or (not words and key in ("reasoning", "thinking", "think"))):
            continue  # "Thinking: the model ...", or a heading
        value = words[0].strip(_AROUND_A_VALUE) if words else ""
        if value.lower() in _NOTHING:
            if value or sign == ":":
                continue
            raise CellFaultError(f"{key}{sign} has no value; {_VALID[_kind_of(key)]}")
        yield _named(key, value)
    for match in _SPOKEN.finditer(cell):
        yield _named(match[1].lower(), match[2])


def _named(key: str, value: str) -> tuple[str, ParameterValue]:
    """The switch and its meaning; "Reasoning: high" names an effort."""
    meaning = _meaning(key, value)
    return (EFFORT_KEY if key == STATE_KEY and meaning in LEVELS else key), meaning


def _kind_of(key: str) -> str:
    return "effort" if key == EFFORT_KEY else "budget" if key in BUDGET_KEYS else "boolean"


def _meaning(key: str, value: str) -> ParameterValue:
    word, kind = value.lower(), _kind_of(key)
    if kind == "effort":
        if word in _EFFORTS:
            return word
        if word in _FALSE:
            return "none"
    elif kind == "budget":
        if _INTEGER.fullmatch(value):
            return int(value)
    elif key in _MODE_KEYS:
        if word.isalpha():
            return word
    elif word in LEVELS and key in ("reasoning", "thinking"):
        return word
    elif word in _TRUE | _FALSE:
        return word in _TRUE
    raise CellFaultError(f"{key}={value}: the value cannot be understood; {_VALID[kind]}")


def _pairs(cell: str) -> Iterator[tuple[str, ParameterValue]]:
    """The other template variables: key-value pairs that make up a whole piece of the cell."""
    for piece in _BETWEEN_PAIRS.split(cell):
        plain = " ".join(piece.split())
        match = _PAIR.fullmatch(plain.lstrip(_BEFORE_A_PAIR).rstrip(_BEHIND_A_PAIR))
        if match and match[1].lower() not in KNOWN_SWITCHES | _OF_THE_CALL and match[2].lower() not in ("null", "none"):
            yield match[1].lower(), _typed(match[2].strip("\"'"))


def _typed(text: str) -> ParameterValue:
    """The value as true/false, a number, or the text itself."""
    word = text.lower().removesuffix(".")  # of a sentence
    if word in ("true", "false"):
        return word == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
