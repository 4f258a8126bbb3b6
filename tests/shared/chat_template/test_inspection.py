"""What an inspection finds in templates of every kind, by rendering them."""

from typing import Any

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.shared.chat_template.asking import inspect_template
from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.template_source import TemplateSource
from tests.shared.chat_template import small_templates as small

ON, OFF = ReasoningMode.ON, ReasoningMode.OFF


def inspect(template: str, **defaults: Any) -> TemplateFindings:
    found = inspect_template(TemplateSource(template, defaults=defaults))
    assert found.fault is None
    return found


def sent(found: TemplateFindings, mode: ReasoningMode) -> dict[str, Any]:
    return found.changes[mode].model_dump(exclude_defaults=True)


def switched(**kwargs: Any) -> dict[str, Any]:
    return {"chat_template_kwargs": kwargs}


@pytest.mark.parametrize(
    ("template", "on", "off", "default"),
    [
        (small.ON_UNLESS_FALSE, switched(enable_thinking=True), switched(enable_thinking=False), "on"),
        (small.OFF_UNLESS_TRUE, switched(thinking=True), switched(thinking=False), "off"),
        (small.SYSTEM_LINE, switched(enable_thinking=True), switched(enable_thinking=False), "off"),
        (small.SKIP, switched(skip_reasoning=False), switched(skip_reasoning=True), "on"),
        (small.FORCE_AND_SKIP, switched(force_reasoning=True), switched(skip_reasoning=True), None),
        (small.MODE_WORD, {}, switched(thinking_mode="off"), "on"),
        (small.ALIASED, switched(thinking=True), switched(thinking=False), "off"),
        (small.OVERWRITTEN, {}, {"system_prompt": "/no_think"}, "on"),
        (small.OWN_WORD, {}, {"user_suffix": " /stop_thinking"}, "on"),
        (
            small.EFFORT_WITH_NONE,
            switched(reasoning_effort="high"),
            switched(reasoning_effort="none"),
            "off",
        ),
        (small.FLAGS, switched(enable_thinking=True), switched(enable_thinking=False), "on"),
        (small.BUDGET, switched(thinking_budget=-1), switched(thinking_budget=0), "on"),
        (small.REPLACEABLE, {}, {"system_prompt": "You are a helpful assistant."}, "on"),
        (small.CHANNELS, switched(enable_thinking=True), switched(enable_thinking=False), "off"),
    ],
)
def test_a_switch_is_found_by_its_effect(
    template: str, on: dict[str, Any], off: dict[str, Any], default: str | None
) -> None:
    found = inspect(template)
    assert (found.kind, found.default) == ("switch", default)
    assert (sent(found, ON), sent(found, OFF)) == (on, off)
    assert found.digests[ON] != found.digests[OFF]


@pytest.mark.parametrize(
    ("template", "kind", "default"),
    [
        (small.OPENS, "always", "on"),
        (small.CLOSES, "never", "off"),
        (small.DEMANDS, "always", "on"),
        (small.PLAIN, "unknown", None),
        (small.HISTORY, "unknown", None),
    ],
)
def test_a_template_without_a_switch_says_what_its_prompt_shows(template: str, kind: str, default: str | None) -> None:
    found = inspect(template)
    assert (found.kind, found.default) == (kind, default)
    assert found.evidence


def test_efforts_are_levels_and_a_word_that_is_only_printed_turns_nothing_off() -> None:
    found = inspect(small.EFFORT)
    assert (found.kind, found.default) == ("always", "on")
    assert OFF not in found.changes
    levels = {mode: plan for mode, plan in found.changes.items() if mode is not ON}
    assert levels == {
        mode: PromptPlan(chat_template_kwargs={"reasoning_effort": mode.value})
        for mode in (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)
    }
    assert found.changes[ON] == found.changes[ReasoningMode.MEDIUM]


def test_an_effort_that_needs_the_switch_is_sent_with_it_and_unknown_efforts_are_none() -> None:
    found = inspect(small.EFFORT_BESIDE_SWITCH)
    assert sent(found, ReasoningMode.HIGH) == switched(thinking=True, reasoning_effort="high")
    assert ReasoningMode.LOW not in found.changes


def test_an_effort_that_is_a_variable_of_its_own_is_a_level() -> None:
    found = inspect(small.FLAGS)
    assert sent(found, ReasoningMode.LOW) == switched(enable_thinking=True, low_effort=True)
    assert sent(found, ReasoningMode.HIGH) == switched(enable_thinking=True)


def test_a_budget_is_a_variable_with_a_number() -> None:
    assert inspect(small.BUDGET).budget_variable == "thinking_budget"
    assert inspect(small.ON_UNLESS_FALSE).budget_variable is None


def test_contents_in_parts_are_tried_where_text_raises() -> None:
    assert inspect(small.PARTS).in_parts
    assert not inspect(small.PLAIN).in_parts


def test_a_template_that_prints_the_date_is_seen() -> None:
    assert inspect(small.DATED).prints_date
    assert not inspect(small.PLAIN).prints_date


def test_the_models_own_defaults_are_a_default_too() -> None:
    assert inspect(small.DEFAULT_BY_CONFIG).default == "off"
    assert inspect(small.DEFAULT_BY_CONFIG, enable_thinking=True).default == "on"


def test_thoughts_of_earlier_answers_are_seen_to_be_handled() -> None:
    assert inspect(small.HISTORY).handles_thoughts
    assert not inspect(small.PLAIN).handles_thoughts


def test_the_ends_of_the_prompts_are_shown() -> None:
    endings = inspect(small.ON_UNLESS_FALSE).endings
    assert endings[ON].endswith("[assistant]")
    assert endings[OFF].endswith("<think>\n\n</think>")
