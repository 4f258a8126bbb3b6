"""The variables that a chat template reads, and the values that it compares each of them with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import nodes

# What every template is given, or what belongs to tools and documents.
_STANDARD = frozenset(
    {
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "continue_final_message",
        "strftime_now",
        "raise_exception",
        "namespace",
        "range",
        "dict",
        "bos_token",
        "eos_token",
        "pad_token",
        "unk_token",
        "loop",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
        "caller",
        "varargs",
        "kwargs",
    }
)
_MOST_VARIABLES = 60


@dataclass
class TemplateWords:
    """What a template shows: its variables with the constants beside them, and words it looks for in messages."""

    constants: dict[str, list[object]] = field(default_factory=dict)
    looked_for: list[str] = field(default_factory=list)


def read_words(tree: nodes.Template) -> TemplateWords:
    """Return the words of the template: names it loads that are not a loop's own, and constants compared with them."""
    own = {name.name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}
    own |= {name.name for macro in tree.find_all(nodes.Macro) for name in macro.args}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    words = TemplateWords()
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in own | _STANDARD and len(words.constants) < _MOST_VARIABLES:
            words.constants.setdefault(name.name, [])
    for comparison in tree.find_all(nodes.Compare):
        _read_comparison(comparison, words)
    return words


def _read_comparison(comparison: nodes.Compare, words: TemplateWords) -> None:
    sides = [comparison.expr, *(operand.expr for operand in comparison.ops)]
    constants = [constant for side in sides for constant in _constants(side)]
    for side in sides:
        for name in _names(side):
            if name.name in words.constants:
                known = words.constants[name.name]
                known.extend(constant for constant in constants if constant not in known)
    if any(operand.op in ("in", "notin") for operand in comparison.ops):
        words.looked_for.extend(
            text for text in _constants(comparison.expr) if isinstance(text, str) and text not in words.looked_for
        )


def _names(node: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(node, nodes.Name):
        yield node
    yield from node.find_all(nodes.Name)


def _constants(node: nodes.Node) -> Iterator[object]:
    found = [node] if isinstance(node, nodes.Const) else []
    for constant in (*found, *node.find_all(nodes.Const)):
        yield constant.value


_THOUGHT = re.compile(r"think|thought|reason|(?:^|_)cot(?:_|$)|deliberat", re.IGNORECASE)
_NEGATIVE = re.compile(r"^(?:no|non|skip|disable|without|hide|suppress|omit|exclude|drop)_|_(?:off|disabled)$")
_EFFORT = re.compile(r"effort|(?:think|reason)\w*_(?:level|strength|depth)", re.IGNORECASE)
_LEVEL = re.compile(r"^(minimal|low|medium|high)_(?:effort|reasoning|thinking)$")
_BUDGET = re.compile(r"(?:think|reason|thought)\w*_(?:budget|tokens)|budget", re.IGNORECASE)


def is_about_thoughts(name: str) -> bool:
    """Return whether a variable's name speaks of thinking."""
    return bool(_THOUGHT.search(name))


def is_negative(name: str) -> bool:
    """Return whether a true value of the variable means not to think."""
    return bool(_NEGATIVE.search(name))


def is_effort(name: str) -> bool:
    """Return whether the variable holds the word of an effort (``reasoning_effort``)."""
    return bool(_EFFORT.search(name)) and not _LEVEL.search(name)


def level_named(name: str) -> str | None:
    """Return the effort that a true value of the variable asks for (``low_effort``); None for other variables."""
    match = _LEVEL.search(name)
    return match[1] if match else None


def is_budget(name: str) -> bool:
    """Return whether the variable holds a number of thinking tokens."""
    return bool(_BUDGET.search(name))
