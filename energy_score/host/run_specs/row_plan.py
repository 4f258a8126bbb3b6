"""One row's prompt plan: the family says how, the reasoning state says what, the sheet's cell supplies parameters."""

import re
from dataclasses import dataclass

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.model_config import SHEET_STATES, ModelConfig, ParameterValue, ReasoningMode
from energy_score.contract.run_spec import PromptPlan
from energy_score.host.families.family import Family
from energy_score.host.families.other import KNOWN_SWITCHES, STATE_KEY
from energy_score.host.families.registry import family_of

_EFFORT = "reasoning_effort"
# "/no_think" (Qwen, Hunyuan), "/nothink" (GLM), and a block of thoughts that is closed as soon as it is opened.
_NO_THINKING = re.compile(r"no[_-]?think|[<\[]/think", re.IGNORECASE)
_LEVELS = {mode.value: mode for mode in (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)}


@dataclass(frozen=True)
class RowPlan:
    """How the row's queries are sent, and what a reader of its result must know."""

    prompt_plan: PromptPlan
    notes: tuple[str, ...]


def plan_of(config: ModelConfig) -> RowPlan:
    """The prompt plan of the row.

    The reasoning state wins over the Chat Template cell; a cell that contradicts it is a note. Variables of the cell
    that switch no reasoning are added to the chat template's.

    Raises:
        RowRefusedError: the family cannot express the mode; the message names both and what would be valid.
    """
    family = family_of(config.model_id)
    notes: list[str] = []
    mode = _with_level_of_cell(config, family, notes)
    plan = family.plans.get(mode)
    if plan is None:
        valid = ", ".join(state or "nothing" for state, known in SHEET_STATES.items() if known in family.plans)
        raise RowRefusedError(
            f"Reasoning State: {config.reasoning_state!r} is refused for {config.model_id} (family {family.name}): "
            f"{family.refusals.get(mode, 'it has no such mode')}; valid is {valid}"
        )
    if mode in family.notes:
        notes.append(family.notes[mode])
    if family.name == "other" and mode is not ReasoningMode.NOT_APPLICABLE and not _names_a_switch(config):
        told = ", ".join(sorted(config.reasoning_params.keys() - {STATE_KEY}))
        by = f"its cell's {told} is taken for the switch" if told else "its cell names no switch; run as default"
        notes.append(f"nothing is known of how {config.model_id} is switched, and {by}")
    kwargs = _variables_of_cell(config, family, plan, notes) | plan.chat_template_kwargs
    return RowPlan(
        _with_text_of_cell(config, plan.model_copy(update={"chat_template_kwargs": kwargs}), notes), tuple(notes)
    )


def _names_a_switch(config: ModelConfig) -> bool:
    return bool(
        config.prompt_prefix or config.prompt_suffix or (KNOWN_SWITCHES - {STATE_KEY}) & config.reasoning_params.keys()
    )


def _with_level_of_cell(config: ModelConfig, family: Family, notes: list[str]) -> ReasoningMode:
    """The row's mode; for a plain On the level that the cell names, where the family has levels."""
    mode, effort = config.reasoning_mode, config.reasoning_params.get(_EFFORT)
    if (
        mode is not ReasoningMode.ON
        or effort is None
        or family.name == "other"
        or ReasoningMode.LOW not in family.plans
    ):
        return mode
    level = _LEVELS.get(str(effort).lower())
    if level is None:
        raise RowRefusedError(
            f"Chat Template: {_EFFORT}={effort} is no effort of {config.model_id} (family {family.name}); "
            f"valid is {', '.join(_LEVELS)}"
        )
    notes.append(f"the effort, {level.value}, is the Chat Template cell's: the state says no more than On")
    return level


def _variables_of_cell(
    config: ModelConfig, family: Family, plan: PromptPlan, notes: list[str]
) -> dict[str, ParameterValue]:
    """The cell's template variables that are transmitted beside the plan's own."""
    mode, state = config.reasoning_mode, config.reasoning_state or "N/A"
    kept: dict[str, ParameterValue] = {}
    for key, value in config.reasoning_params.items():
        if key not in KNOWN_SWITCHES:
            kept[key] = value
            continue
        is_own, own_value = key in family.switches, plan.chat_template_kwargs.get(key)
        agrees = _agrees(value, mode) if own_value is None else _is_same(value, own_value)
        if key == STATE_KEY and agrees:
            continue
        if not agrees and not (is_own and family.cell_may_be_inverted):
            notes.append(f"Chat Template cell: {key}={value} contradicts Reasoning State {state!r}; the state wins")
        elif not is_own:
            notes.append(f"Chat Template cell: {key}={value} is no switch of {family.name}; not transmitted")
        if is_own and own_value is None and key != STATE_KEY:
            corrected = value if agrees else _corrected(value, mode)
            kept |= {} if corrected is None else {key: corrected}
    return kept


def _is_same(value: ParameterValue, own_value: ParameterValue) -> bool:
    """Whether the cell says what the plan does; an effort in any case."""
    return value == own_value or (isinstance(value, str) and value.lower() == own_value)


def _agrees(value: ParameterValue, mode: ReasoningMode) -> bool:
    """Whether the value of a reasoning switch asks for the mode."""
    if isinstance(value, int):
        return bool(value) == mode.thinks
    level = _LEVELS.get(str(value).lower())
    return mode is ReasoningMode.ON or (mode.thinks and mode is level)


def _corrected(value: ParameterValue, mode: ReasoningMode) -> ParameterValue | None:
    """What a switch that contradicts the mode should have said; None if that is not to be told from its value."""
    if isinstance(value, bool) and mode is not ReasoningMode.NOT_APPLICABLE:
        return mode.thinks
    return mode.value if mode.value in _LEVELS else None


def _with_text_of_cell(config: ModelConfig, plan: PromptPlan, notes: list[str]) -> PromptPlan:
    """The plan with the cell's text around the prompt, where the plan has none of its own.

    A tag (``<think>``) opens the answer where there is a chat template, the prompt where there is none; a word
    (``/think``) stands before the user's text in both.
    """
    update: dict[str, str] = {}
    for text, is_prefix in ((config.prompt_prefix, True), (config.prompt_suffix, False)):
        if not text:
            continue
        asked = _NO_THINKING.search(text) is None if "think" in text.lower() else None
        if asked is not None and asked != config.reasoning_mode.thinks:
            state = config.reasoning_state or "N/A"
            notes.append(f"Chat Template cell: {text.strip()!r} contradicts Reasoning State {state!r}; the state wins")
        elif not is_prefix:
            update["user_suffix"] = text
        elif text.startswith("/"):
            update["user_prefix"] = text
        else:
            update["assistant_prefill"] = plan.assistant_prefill or f"{text}\n"
            update["raw_prefix"] = plan.raw_prefix or text
    return plan.model_copy(update=update)
