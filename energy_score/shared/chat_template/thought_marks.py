"""The marks around a model's thoughts, in prompts and in answers: ``<think>``, ``[THINK]``, Harmony's channels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ThoughtState = Literal["open", "closed"]

# A tag whose name speaks of thoughts: <think>, </think>, [THINK], <seed:think>, <|START_THINKING|>, <thought>,
# ◁think▷. Two formats name theirs otherwise: channels (gpt-oss' Harmony, Gemma 4) and Apertus' inner text.
# Source: the models' own chat templates and tokenizers.
_TAG = re.compile(
    r"[<\[◁]\|?(?P<name>[^<>\[\]◁▷\s|]{0,24}(?:think|thought|reasoning|inner_prefix|inner_suffix)[^<>\[\]◁▷\s|]{0,12})"
    r"\|?[>\]▷]"
    r"|<\|?channel\|?>\s*(?P<opened>analysis|thought|thinking)\b(?:<\|message\|>)?"
    r"|(?P<closed><\|?channel\|?>\s*final\b(?:<\|message\|>)?|<channel\|>)",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"^/|(?:^|[_▁:-])end(?:[_▁:-]|$)|^end|suffix$", re.IGNORECASE)
# The first characters of an answer in which a block must open to be one of thoughts, blanks and control tokens aside.
_CONTROL_TOKENS = re.compile(r"<\|[^|<>]{1,40}\|>|<[a-z]{1,8}>|assistant|\s")


@dataclass(frozen=True)
class Mark:
    """One mark: where it is in the text, and whether it opens a block of thoughts."""

    start: int
    end: int
    opens: bool


def find_marks(text: str) -> Iterator[Mark]:
    """Yield the marks in ``text`` in their order."""
    for match in _TAG.finditer(text):
        name = match["name"]
        opens = match["opened"] is not None if name is None else _CLOSES.search(name) is None
        yield Mark(match.start(), match.end(), opens)


def thought_state(prompt_end: str) -> ThoughtState | None:
    """Return whether the end of a prompt leaves a block of thoughts open, or has closed it; None without a mark."""
    marks = list(find_marks(prompt_end))
    if not marks:
        return None
    return "open" if marks[-1].opens else "closed"


@dataclass(frozen=True)
class Thoughts:
    """The parts of an answer that are thoughts, as (start, end) positions in its text, marks included."""

    spans: tuple[tuple[int, int], ...]
    are_empty: bool

    @property
    def any(self) -> bool:
        """Whether the model has thought: a block with nothing in it is none."""
        return bool(self.spans) and not self.are_empty


def find_thoughts(answer: str, *, opened: bool) -> Thoughts:
    """Return the thoughts in ``answer``; ``opened`` says that its prompt ended inside a block of thoughts.

    A block that never closes goes on to the end. A closing mark without an opening one ends a block that the prompt
    opened without saying so.
    """
    spans: list[tuple[int, int]] = []
    inner: list[str] = []
    begun: tuple[int, int] | None = (0, 0) if opened else None
    for mark in find_marks(answer):
        if mark.opens:
            begun = begun or (mark.start, mark.end)
        elif begun is not None or not spans:
            start, inside = begun or (0, 0)
            spans.append((start, mark.end))
            inner.append(answer[inside : mark.start])
            begun = None
    if begun is not None and begun[1] < len(answer):
        spans.append((begun[0], len(answer)))
        inner.append(answer[begun[1] :])
    said = "".join(inner)
    for mark in reversed(list(find_marks(said))):  # a block opened twice holds nothing but its second mark
        said = said[: mark.start] + said[mark.end :]
    return Thoughts(tuple(spans), are_empty=not _CONTROL_TOKENS.sub("", said))
