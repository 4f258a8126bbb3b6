"""Finds a chat template's switches, its default, and whether it thinks, by rendering one question in many ways.

Runs in the child only: a template is foreign code. Values that come out are plain, for ``TemplateFindings``.
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from energy_score.shared.chat_template.environment import ChatTemplate, TemplateRefusal
from energy_score.shared.chat_template.thought_marks import find_marks, thought_state
from energy_score.shared.chat_template.variables import (
    is_about_thoughts,
    is_budget,
    is_effort,
    is_negative,
    level_named,
    read_words,
)

PROBE = "What is energy?"
_DAYS = (date(2025, 3, 4), date(2026, 10, 21))
# Source: FAMILIES.md, "How to ask". Those that the template does not name are tried too: it may pass them on.
_BOOLEANS = ("enable_thinking", "thinking", "reasoning", "think")
_EFFORTS = ("reasoning_effort",)
_LEVELS = ("low", "medium", "high")
_ON_WORDS = ("on", "enabled", "enable", "true", "yes", "think", "thinking", "always")
_OFF_WORDS = ("off", "disabled", "disable", "none", "false", "no", "no_think", "nothink", "non-thinking", "never")
_TEXTS = ("/no_think", "/nothink", "/think", "detailed thinking off", "detailed thinking on")
_NEGATIVE_TEXT = ("no_think", "nothink", "no-think", "off", "disable", "/no")
# A word that no template knows: what it makes of this is what it makes of any word.
_NO_WORD = "zqxv"
_ENDING_CHARACTERS = 60
_MOST_RENDERINGS = 600
_DEPTH = {"open": 2, None: 1, "closed": 0}


@dataclass(frozen=True)
class _Ask:
    """One way to ask: template variables, and text around the question."""

    kwargs: tuple[tuple[str, Any], ...] = ()
    system: str | None = None
    prefix: str = ""
    suffix: str = ""

    def as_change(self) -> dict[str, Any]:
        change: dict[str, Any] = {"chat_template_kwargs": dict(self.kwargs)}
        if self.system is not None:
            change["system_prompt"] = self.system
        return change | {"user_prefix": self.prefix, "user_suffix": self.suffix}


@dataclass(frozen=True)
class _Switch:
    """Two ways to ask that give two prompts: ``on`` makes the model think, or think more, and ``off`` not."""

    name: str
    on: _Ask
    off: _Ask


@dataclass
class _Found:
    kind: str = "unknown"
    changes: dict[str, _Ask] = field(default_factory=dict)
    default: str | None = None
    budget_variable: str | None = None
    evidence: str = ""


def inspect(source: str, *, variables: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``TemplateFindings`` for the template; ``defaults`` are given with every rendering.

    Raises:
        TemplateRefusal: It cannot be rendered with one question, in any form.
    """
    return _Inspection(ChatTemplate(source, variables), defaults).carry_out()


class _Inspection:
    def __init__(self, template: ChatTemplate, defaults: Mapping[str, Any]) -> None:
        self._template = template
        self._defaults = dict(defaults)
        self._in_parts = False
        self._known: dict[tuple[_Ask, date], str | None] = {}
        self._words = read_words(template.tree)
        pooled = [
            value
            for name, values in self._words.constants.items()
            if is_about_thoughts(name) or is_effort(name)
            for value in values
        ]
        self._pooled = list(dict.fromkeys(value for value in pooled if isinstance(value, str)))

    def carry_out(self) -> dict[str, Any]:
        base = self._render_or_raise()
        found = self._find_switch(base) or self._find_text_switch(base) or self._find_no_switch(base)
        self._add_levels(found, base)
        asks = {"not_applicable": _Ask(), **found.changes}
        prompts = {mode: text for mode, ask in asks.items() if (text := self._render(ask)) is not None}
        return {
            "kind": found.kind,
            "changes": {mode: ask.as_change() for mode, ask in found.changes.items()},
            "default": found.default,
            "budget_variable": found.budget_variable,
            "evidence": found.evidence,
            "handles_thoughts": found.kind in ("switch", "always") or self._handles_thoughts(),
            "in_parts": self._in_parts,
            "prints_date": self._render(_Ask(), day=_DAYS[1]) != base,
            "date_formats": list(self._template.date_formats),
            "variables": list(self._words.constants),
            "endings": {mode: text[-_ENDING_CHARACTERS:] for mode, text in prompts.items()},
            "digests": {mode: hashlib.sha256(text.encode()).hexdigest() for mode, text in prompts.items()},
        }

    def _render_or_raise(self) -> str:
        """Render the plain question, as text or else in parts; raise what the template says to both."""
        refusal: TemplateRefusal | None = None
        for self._in_parts in (False, True):
            try:
                text = self._render_now(_Ask(), _DAYS[0])
            except TemplateRefusal as error:
                refusal = refusal or error
            else:
                if PROBE in text:
                    self._known.clear()
                    return text
        raise refusal or TemplateRefusal("the template leaves the user's text out of the prompt")

    def _render(self, ask: _Ask, *, day: date = _DAYS[0]) -> str | None:
        """Return the prompt; None if the template refuses it, or enough was rendered."""
        if (ask, day) not in self._known:
            try:
                text = self._render_now(ask, day) if len(self._known) < _MOST_RENDERINGS else None
            except TemplateRefusal:
                text = None
            self._known[ask, day] = text
        return self._known[ask, day]

    def _render_now(self, ask: _Ask, day: date) -> str:
        messages = [{"role": "user", "content": self._content(f"{ask.prefix}{PROBE}{ask.suffix}")}]
        if ask.system is not None:
            messages.insert(0, {"role": "system", "content": self._content(ask.system)})
        return self._template.render(messages, day=day, kwargs={**self._defaults, **dict(ask.kwargs)})

    def _content(self, text: str) -> Any:  # noqa: ANN401 - a text, or its parts
        return [{"type": "text", "text": text}] if self._in_parts else text

    def _depth(self, text: str) -> int:
        """Return 2 where the prompt ends inside a block of thoughts, 0 where it has closed one, else 1."""
        return _DEPTH[thought_state(text.rpartition(PROBE)[2])]

    # Variables

    def _find_switch(self, base: str) -> _Found | None:
        names = list(dict.fromkeys((*_BOOLEANS, *_EFFORTS, "thinking_budget", *self._words.constants)))
        switches = [switch for name in names if (switch := self._switch_of(name, base)) is not None]
        if not switches:
            return None
        main = self._strongest(switches)
        # One variable may only force thoughts, and another only skip them.
        off = min((main, *switches), key=lambda one: self._depth(self._render(one.off) or base)).off
        on = max((main, *switches), key=lambda one: self._depth(self._render(one.on) or base)).on
        prompts = {"on": self._render(on), "off": self._render(off)}
        default = next((mode for mode in ("on", "off") if prompts[mode] == base), None)
        if default is None:
            depths = {mode: self._depth(text or base) for mode, text in prompts.items()}
            if depths["on"] != depths["off"]:
                default = next((mode for mode in ("on", "off") if depths[mode] == self._depth(base)), None)
        return _Found("switch", {"on": on, "off": off}, default, self._budget_variable(), f"the variable {main.name}")

    def _switch_of(self, name: str, base: str) -> _Switch | None:
        if level_named(name):
            return None
        if is_budget(name):
            return self._budget_switch(name, base)
        if is_effort(name):
            return self._effort_switch(name, base)
        return self._boolean_switch(name) or self._word_switch(name, base)

    def _boolean_switch(self, name: str) -> _Switch | None:
        true, false = _Ask(((name, True),)), _Ask(((name, False),))
        texts = self._render(true), self._render(false)
        if texts[0] == texts[1] or None in texts:
            return None
        depths = [self._depth(text or "") for text in texts]
        if depths[0] != depths[1]:
            return _Switch(name, true, false) if depths[0] > depths[1] else _Switch(name, false, true)
        if not is_about_thoughts(name):
            return None
        return _Switch(name, false, true) if is_negative(name) else _Switch(name, true, false)

    def _word_switch(self, name: str, base: str) -> _Switch | None:
        """A variable that holds a word: ``thinking_mode="off"``."""
        constants = [value for value in self._words.constants.get(name, ()) if isinstance(value, str)]
        if not constants and not is_about_thoughts(name):
            return None
        by_depth: dict[int, _Ask] = {}
        spoken: dict[bool, _Ask] = {}
        for word in dict.fromkeys((*constants, *(self._pooled if is_about_thoughts(name) else ()))):
            ask = _Ask(((name, word),))
            text = self._render(ask)
            if text is None or not self._is_understood(name, word, text):
                continue
            by_depth.setdefault(self._depth(text), ask)
            if word.lower() in _ON_WORDS:
                spoken.setdefault(True, ask)
            if word.lower() in _OFF_WORDS:
                spoken.setdefault(False, ask)
        by_depth.setdefault(self._depth(base), _Ask())
        if len(by_depth) > 1:
            return _Switch(name, by_depth[max(by_depth)], by_depth[min(by_depth)])
        if not is_about_thoughts(name) or not spoken:
            return None
        on, off = spoken.get(True, _Ask()), spoken.get(False, _Ask())
        return _Switch(name, on, off) if self._render(on) != self._render(off) else None

    def _is_understood(self, name: str, word: Any, text: str, base: tuple[tuple[str, Any], ...] = ()) -> bool:  # noqa: ANN401 - a word or a number
        """Whether the template does more with the word than print it, or ignore it as it ignores any other."""
        unknown = self._render(_Ask((*base, (name, _NO_WORD))))
        if unknown is None:
            return True  # it refuses what it does not know
        return text not in (unknown, unknown.replace(_NO_WORD, str(word)))

    def _effort_switch(self, name: str, base: str) -> _Switch | None:
        """An effort whose word for none makes another prompt than that word would if it were only printed."""
        for word in dict.fromkeys(("none", *_OFF_WORDS, "minimal")):
            off = _Ask(((name, word),))
            text = self._render(off)
            if text is None or not self._is_understood(name, word, text):
                continue
            is_default = text == base
            for level in ("medium", "high", "low"):
                on = _Ask(((name, level),))
                thinking = self._render(on)
                if thinking is None or thinking == text or self._depth(thinking) < self._depth(text):
                    continue
                if not is_default and thinking != base and self._depth(base) > self._depth(text):
                    return _Switch(name, _Ask(), off)
                if self._is_understood(name, level, thinking) or thinking == base:
                    return _Switch(name, on, off)
        return None

    def _budget_switch(self, name: str, base: str) -> _Switch | None:
        none = _Ask(((name, 0),))
        text, some = self._render(none), self._render(_Ask(((name, 512),)))
        if text is None or some is None or text == some:
            return None
        is_closed = self._depth(text) < max(self._depth(base), self._depth(some))
        if not is_closed and text == some.replace("512", "0"):
            return None  # it prints the number, and means nothing by 0
        endless = _Ask(((name, -1),))
        return _Switch(name, endless if self._render(endless) not in (None, text) else _Ask(), none)

    def _budget_variable(self) -> str | None:
        for name in dict.fromkeys(("thinking_budget", *self._words.constants)):
            if is_budget(name):
                texts = [self._render(_Ask(((name, number),))) for number in (512, 4096)]
                if texts[0] != texts[1] and None not in texts:
                    return name
        return None

    def _strongest(self, switches: list[_Switch]) -> _Switch:
        """The switch that decides where two contradict each other; the first one asked for where none does."""

        def wins(one: _Switch) -> int:
            return sum(
                self._render(_Ask((*one.off.kwargs, *other.on.kwargs))) == self._render(one.off)
                and self._render(_Ask((*one.on.kwargs, *other.off.kwargs))) == self._render(one.on)
                for other in switches
                if other is not one
            )

        return max(switches, key=wins)  # max keeps the first of equals

    # Texts

    def _find_text_switch(self, base: str) -> _Found | None:
        looked_for = [text for text in self._words.looked_for if is_about_thoughts(text) and not list(find_marks(text))]
        off, on = None, None
        for text in dict.fromkeys((*_TEXTS, *looked_for)):
            for ask, neutral in self._placements(text):
                prompt, plain = self._render(ask), self._render(neutral)
                if prompt is None or plain is None or prompt == plain.replace(_NO_WORD, text):
                    continue
                deeper = self._depth(prompt) - self._depth(plain)
                if deeper < 0 or (deeper == 0 and any(part in text.lower() for part in _NEGATIVE_TEXT)):
                    off = off or ask
                else:
                    on = on or ask
        if off is None and on is None:
            return None
        on_text, off_text = self._render(on or _Ask()) or base, self._render(off or _Ask()) or base
        if self._depth(on_text) < self._depth(off_text):
            return None
        default = "on" if on is None or self._depth(base) > self._depth(off_text) else "off" if off is None else None
        if default == "on" and off is not None:
            on = None  # the word that only repeats the default
        return _Found("switch", {"on": on or _Ask(), "off": off or _Ask()}, default, None, "a text that it looks for")

    def _placements(self, text: str) -> Iterable[tuple[_Ask, _Ask]]:
        yield _Ask(system=text), _Ask(system=_NO_WORD)
        yield _Ask(suffix=f" {text}"), _Ask(suffix=f" {_NO_WORD}")
        yield _Ask(prefix=f"{text} "), _Ask(prefix=f"{_NO_WORD} ")

    # Neither

    def _find_no_switch(self, base: str) -> _Found:
        depth = self._depth(base)
        if depth == _DEPTH["open"]:
            return _Found("always", {"on": _Ask()}, "on", None, "the prompt opens a block of thoughts")
        if depth == _DEPTH["closed"]:
            return _Found("never", {"off": _Ask()}, "off", None, "the prompt closes the block of thoughts")
        if self._asks_for_thoughts(base):
            plain = _Ask(system="You are a helpful assistant.")
            replaced = self._render(plain)
            if replaced is not None and not self._asks_for_thoughts(replaced):
                return _Found(
                    "switch",
                    {"on": _Ask(), "off": plain},
                    "on",
                    None,
                    "its own system prompt asks for thoughts, and another one replaces it",
                )
            return _Found("always", {"on": _Ask()}, "on", None, "its own system prompt asks for thoughts")
        return _Found(evidence="the prompt shows neither a switch nor thoughts")

    @staticmethod
    def _asks_for_thoughts(prompt: str) -> bool:
        """Whether the prompt, before the question, shows a block of thoughts to be imitated."""
        marks = list(find_marks(prompt.partition(PROBE)[0]))
        return any(one.opens and not two.opens for one, two in itertools.pairwise(marks))

    def _handles_thoughts(self) -> bool:
        """Whether thoughts of an earlier answer are treated otherwise than other text."""
        question = {"role": "user", "content": self._content(PROBE)}
        answers = [
            {"role": "assistant", "content": self._content(f"<think>{_NO_WORD}</think>Yes")},
            {"role": "assistant", "content": self._content("Yes"), "reasoning_content": _NO_WORD},
        ]
        prompts = []
        for answer in answers:
            try:
                prompts.append(self._template.render([question, answer, question], day=_DAYS[0], kwargs=self._defaults))
            except TemplateRefusal:
                prompts.append("")
        is_stripped = bool(prompts[0]) and f"<think>{_NO_WORD}</think>Yes" not in prompts[0]
        return is_stripped or _NO_WORD in prompts[1] or bool(list(find_marks(prompts[1])))

    # Levels

    def _add_levels(self, found: _Found, base: str) -> None:
        on = found.changes.get("on", _Ask())
        on_text = self._render(on) or base
        for name in dict.fromkeys((*_EFFORTS, *self._words.constants)):
            if is_effort(name):
                self._add_words(found, name, on, on_text)
        if not set(_LEVELS) & set(found.changes):
            self._add_flags(found, on, on_text)
        levels = [level for level in _LEVELS if level in found.changes]
        if levels and found.kind == "unknown":
            found.kind, found.default, found.evidence = "always", "on", "it has efforts and no way to turn them off"
            same = next((level for level in levels if self._render(found.changes[level]) == base), None)
            found.changes["on"] = found.changes[same] if same else _Ask()

    def _add_words(self, found: _Found, name: str, on: _Ask, on_text: str) -> None:
        others = tuple(pair for pair in on.kwargs if pair[0] != name)
        understood: dict[str, _Ask] = {}
        for level in _LEVELS:
            ask = _Ask((*others, (name, level)), on.system, on.prefix, on.suffix)
            text, unknown = self._render(ask), self._render(_Ask((*others, (name, _NO_WORD))))
            if (text is not None and (unknown is None or text != unknown)) or (
                text is not None and text == on_text and level in self._words.constants.get(name, ())
            ):
                understood[level] = ask
        if len({self._render(ask) for ask in (*understood.values(), on)}) > 1:
            for level, ask in understood.items():
                found.changes.setdefault(level, ask)

    def _add_flags(self, found: _Found, on: _Ask, on_text: str) -> None:
        """Efforts that are variables of their own: ``low_effort=True``."""
        for name in dict.fromkeys(("low_effort", "medium_effort", *self._words.constants)):
            level = level_named(name)
            ask = _Ask((*on.kwargs, (name, True)), on.system, on.prefix, on.suffix)
            if level in _LEVELS and self._render(ask) not in (None, on_text):
                found.changes.setdefault(level, ask)
        if {"low", "medium"} & set(found.changes):
            found.changes.setdefault("high", on)  # without a flag the effort is whole
