"""Adds to a plan what the row's Chat Template cell says; what it says against the reasoning state becomes a note."""

import re
from dataclasses import dataclass

from energy_score.contract.model_config import ParameterValue, ReasoningMode
from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.mode_request import (
    BUDGET_KEYS,
    KNOWN_SWITCHES,
    LEVELS,
    STATE_KEY,
    Decision,
    ModeRequest,
    value_asks_to_think,
)

# "/no_think" (Qwen, Hunyuan), "/nothink" (GLM), a block of thoughts that is closed as it is opened, "thinking off".
_NO_THINKING = re.compile(r"no[_-]?think|[<\[]/think|think\w*\s+(?:off|disabled)", re.IGNORECASE)


@dataclass(frozen=True)
class CellReader:
    """The cell of one row, its mode, what the model's template shows (None: not known), and the plan so far."""

    request: ModeRequest
    mode: ReasoningMode
    shown: TemplateFindings | None
    decision: Decision

    def add_to_plan(self) -> None:
        """Add the cell's template variables and texts to the plan."""
        sent: dict[str, ParameterValue] = {}
        for key, value in self.request.cell.parameters.items():
            if key not in KNOWN_SWITCHES | self._own_switches:
                if self._is_read(key, value):
                    sent[key] = value
            elif not self._agrees(key, value):
                self._note_contradiction(key, value)
                corrected = _corrected(value, self.request.mode)
                if corrected is not None and self.decision.source == "none" and self._is_read(key, value):
                    sent[key] = corrected
            elif key in BUDGET_KEYS and not isinstance(value, bool):
                self._set_budget(key, value)
            elif self._is_sent(key, value):
                sent[key] = value
        if sent:
            # What decides the mode is never overridden by the cell's other variables.
            self._set_kwargs({**sent, **self.decision.plan.chat_template_kwargs})
            self._count_as_switch(sent)
        self._add_texts()

    @property
    def _own_switches(self) -> set[str]:
        """The variables that switch this model, as far as template and family say."""
        own = set(self.decision.plan.chat_template_kwargs)
        if self.request.family is not None:
            own |= set(self.request.family.switches)
        if self.shown is not None:
            own |= {name for plan in self.shown.changes.values() for name in plan.chat_template_kwargs}
        return own

    def _agrees(self, key: str, value: ParameterValue) -> bool:
        """Whether the cell's switch asks for what the state does."""
        planned = self.decision.plan.chat_template_kwargs.get(key)
        asks = value_asks_to_think(value)
        if planned is None or (key in BUDGET_KEYS and asks):
            return _agrees(value, self.mode)
        if isinstance(value, str) and isinstance(planned, str):
            return value.strip().lower() == planned.lower()
        return asks == value_asks_to_think(planned)

    def _is_sent(self, key: str, value: ParameterValue) -> bool:
        """Whether an agreeing switch is sent beside what the plan sends itself."""
        is_own = key in self._own_switches
        if key in self.decision.plan.chat_template_kwargs or (key == STATE_KEY and not is_own):
            return False  # it repeats the state
        if self.decision.kind == "unknown":
            return self._is_read(key, value)
        if is_own:
            # Where a mode is asked for, it is sent by the switch that the template obeys.
            return self.mode is ReasoningMode.NOT_APPLICABLE
        if self.decision.source == "family" and self.request.family is not None:
            self._note(f"{key}={value} is not a switch of {self.request.family.name}; not sent")
        else:
            self._is_read(key, value)
        return False

    def _is_read(self, key: str, value: ParameterValue) -> bool:
        """Whether the template has the variable, as far as is known; a note where it does not."""
        if self.shown is None or key in self.shown.variables:
            return True
        self._note(f"{key}={value}: the model's chat template reads no {key}; not sent")
        return False

    def _set_budget(self, key: str, value: ParameterValue) -> None:
        """Send a number of thinking tokens where it is read: by the template, or else by a server."""
        if not self.mode.thinks or not isinstance(value, int) or value <= 0:
            return
        is_read = (self.shown is not None and key == self.shown.budget_variable) or key in self._own_switches
        if is_read:
            self._set_kwargs({**self.decision.plan.chat_template_kwargs, key: value})
        else:
            self.decision.plan = self.decision.plan.model_copy(update={"thinking_token_budget": value})

    def _set_kwargs(self, kwargs: dict[str, ParameterValue]) -> None:
        self.decision.plan = self.decision.plan.model_copy(update={"chat_template_kwargs": kwargs})

    def _count_as_switch(self, sent: dict[str, ParameterValue]) -> None:
        """Of a model of which nothing is known, take the cell's variables for the switch."""
        if self.decision.kind != "unknown" or self.request.mode is ReasoningMode.NOT_APPLICABLE:
            return
        self.decision.source = "cell"
        if not KNOWN_SWITCHES & set(sent):
            names = ", ".join(sorted(sent))
            self.decision.notes.append(
                f"nothing is known of how this model is switched: the cell's {names} is taken for the switch"
            )

    def _add_texts(self) -> None:
        """Add the cell's text around the prompt, and in the system prompt.

        A tag (``<think>``) opens the answer where there is a chat template, the prompt where there is none; a word
        (``/think``) is put before the user's text in both.
        """
        update: dict[str, str] = {}
        plan, cell = self.decision.plan, self.request.cell
        for text, place in ((cell.prefix, "prefix"), (cell.suffix, "suffix"), (cell.system_text, "system")):
            if not text:
                continue
            asked = _NO_THINKING.search(text) is None if "think" in text.lower() else None
            if asked is not None and asked != self.request.mode.thinks:
                self._note_contradiction_of(repr(text.strip()))
            elif place == "suffix":
                update["user_suffix"] = text
            elif place == "system":
                own = plan.system_prompt
                update["system_prompt"] = text if own is None or text in own else f"{own}\n{text}"
            elif text.startswith("/"):
                update["user_prefix"] = text
            else:
                update["assistant_prefill"] = plan.assistant_prefill or f"{text}\n"
                update["raw_prefix"] = plan.raw_prefix or text
        if update:
            self.decision.plan = plan.model_copy(update=update)
            if self.decision.kind == "unknown" and self.request.mode is not ReasoningMode.NOT_APPLICABLE:
                self.decision.source = "cell"

    def _note_contradiction(self, key: str, value: ParameterValue) -> None:
        family = self.request.family
        if family is None or not family.cell_may_be_inverted or key not in self._own_switches:
            self._note_contradiction_of(f"{key}={value}")

    def _note_contradiction_of(self, said: str) -> None:
        state = self.request.state or "N/A"
        self._note(f"{said} contradicts Reasoning State {state!r}; the state wins")

    def _note(self, text: str) -> None:
        self.decision.notes.append(f"Chat Template cell: {text}")


def _agrees(value: ParameterValue, mode: ReasoningMode) -> bool:
    """Whether the value of a reasoning switch asks for the mode."""
    asks = value_asks_to_think(value)
    if asks is None:
        return mode is ReasoningMode.ON
    if not asks or not isinstance(value, str):
        return asks == mode.thinks
    level = LEVELS.get(value.strip().lower())
    return mode.thinks and (level is None or mode in (level, ReasoningMode.ON))


def _corrected(value: ParameterValue, mode: ReasoningMode) -> ParameterValue | None:
    """What a switch that contradicts the mode should have said; None if that cannot be told from its value."""
    if isinstance(value, bool) and mode is not ReasoningMode.NOT_APPLICABLE:
        return mode.thinks
    return mode.value if isinstance(value, str) and mode.value in LEVELS else None
