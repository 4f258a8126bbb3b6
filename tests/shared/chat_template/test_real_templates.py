"""The real templates of 39 models: every switch that is found is the right one, and the rest is undecidable."""

import pytest

from energy_score.contract.model_config import SHEET_STATES, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan, SheetCell
from energy_score.host.families.registry import find_family
from energy_score.shared.chat_template.asking import inspect_template
from energy_score.shared.chat_template.decision import decide
from energy_score.shared.chat_template.mode_request import Decision, ModeRequest
from energy_score.shared.chat_template.template_source import TemplateSource
from tests.support.real_templates import ModelFact, model_facts, needs_real_templates

pytestmark = needs_real_templates
STATES = {mode: state for state, mode in SHEET_STATES.items()}
FACTS = model_facts()
# Those that no template shows: a word that it only prints, a model that always thinks, and a name that says nothing.
UNDECIDABLE = {
    "Qwen/Qwen2.5-Coder-14B",
    "deepseek-ai/DeepSeek-V3",
    "ibm-granite/granite-4.0-micro",
    "MiniMaxAI/MiniMax-M1-80k",
    "Qwen/Qwen3-Next-80B-A3B-Instruct",
    "nvidia/Llama-3_1-Nemotron-Nano-8B-v1",
    "XiaomiMiMo/MiMo-VL-7B-RL",
}


def decided(fact: ModelFact, mode: ReasoningMode, *, with_family: bool) -> Decision:
    findings = inspect_template(TemplateSource(fact.template, variables={"bos_token": "<s>", "eos_token": "</s>"}))
    assert findings.fault is None
    family = find_family(fact.model) if with_family else None
    return decide(ModeRequest(fact.model, mode, STATES[mode], SheetCell(), family), findings)


def is_right(decision: Decision, asked: object) -> bool:
    """Whether the decision is what was found out: a switch, a text, nothing to send ({}), or no such mode (None)."""
    plan = decision.plan
    if asked is None:
        return decision.expressed is False
    if isinstance(asked, dict):
        sent = plan.chat_template_kwargs
        return bool(decision.expressed) and sent == asked and plan.system_prompt is None and not plan.user_suffix
    kind, text = asked if isinstance(asked, list) else ("", "")
    if kind == "user suffix":
        return plan.user_suffix.strip() == text
    return plan.system_prompt is not None and text in ("any plain", plan.system_prompt)


def modes_of(fact: ModelFact) -> dict[ReasoningMode, object]:
    levels = {ReasoningMode(level): asked for level, asked in fact.levels.items()}
    return {ReasoningMode.ON: fact.on, ReasoningMode.OFF: fact.off, **levels}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.model)
def test_with_the_familys_entry_every_mode_of_every_model_is_right(fact: ModelFact) -> None:
    for mode, asked in modes_of(fact).items():
        decision = decided(fact, mode, with_family=True)
        assert is_right(decision, asked), (mode, decision)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.model)
def test_without_any_entry_a_mode_is_right_or_named_as_undecidable(fact: ModelFact) -> None:
    decisions = {mode: decided(fact, mode, with_family=False) for mode in modes_of(fact)}
    kinds = {decision.kind for decision in decisions.values()}
    assert (kinds == {"unknown"}) == (fact.model in UNDECIDABLE)
    for mode, asked in modes_of(fact).items():
        if fact.model in UNDECIDABLE:
            assert decisions[mode].plan == PromptPlan()
            assert "nothing is known of how this model is switched" in decisions[mode].notes[0]
        else:
            assert is_right(decisions[mode], asked), (mode, decisions[mode])


def test_at_least_four_in_five_models_need_no_entry() -> None:
    assert len(FACTS) - len(UNDECIDABLE) >= 0.8 * len(FACTS)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.model)
def test_the_default_and_the_date_are_seen(fact: ModelFact) -> None:
    findings = inspect_template(TemplateSource(fact.template))
    if fact.model not in UNDECIDABLE and findings.kind != "unknown":
        assert findings.default == fact.default
    if fact.prints_date:
        assert findings.prints_date
