"""Each family's plans, rendered by a small chat template that has the same switch as the real one."""

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.model_config import ModelConfig, ParameterValue, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.host.run_specs.row_plan import RowPlan, resolve_prompt_plan

# Turns: every message as role:content. What follows is the part of each template that the switch decides.
TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
THINKS_UNLESS_FALSE = TURNS + "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"
THINKS_IF_TRUE = TURNS + "{% if enable_thinking is defined and enable_thinking %}<think>{% endif %}"
THINKS_IF_THINKING = TURNS + "{% if thinking is defined and thinking %}<think>{% else %}</think>{% endif %}"
OPENS_THINK = TURNS + "<think>\n"
EFFORT = "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}"
HARMONY = EFFORT + "Reasoning: {{ reasoning_effort }}" + TURNS
# Overwrites the variable by what it finds in the system prompt, as Nemotron Super v1.5 does.
SYSTEM_WORD = (
    "{% set enable_thinking = not (messages[0].role == 'system' and '/no_think' in messages[0].content) %}"
    "{% for m in messages %}{% if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endif %}{% endfor %}[assistant]"
    "{% if enable_thinking %}<think>{% else %}<think></think>{% endif %}"
)

STATES = {
    "On": ReasoningMode.ON,
    "Off": ReasoningMode.OFF,
    "N/A": ReasoningMode.NOT_APPLICABLE,
    "On (Low)": ReasoningMode.LOW,
    "On (Medium)": ReasoningMode.MEDIUM,
    "On (High)": ReasoningMode.HIGH,
}


def row(model_id: str, state: str, *, prefix: str = "", suffix: str = "", **params: ParameterValue) -> ModelConfig:
    return ModelConfig(
        model_id=model_id,
        priority=1,
        model_class="A",
        task="text_gen",
        reasoning_state=state,
        reasoning_mode=STATES[state],
        reasoning_params=params,
        prompt_prefix=prefix,
        prompt_suffix=suffix,
        line_number=2,
    )


def rendered(row_plan: RowPlan, template: str) -> str:
    """The prompt for "Hi", made as the engine makes it."""
    plan = row_plan.prompt_plan
    messages = [{"role": "user", "content": f"{plan.user_prefix}Hi{plan.user_suffix}"}]
    if plan.system_prompt is not None:
        messages.insert(0, {"role": "system", "content": plan.system_prompt})
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    text = environment.from_string(template).render(
        messages=messages, add_generation_prompt=True, **plan.chat_template_kwargs
    )
    return text if text.endswith(plan.assistant_prefill) else text + plan.assistant_prefill


@pytest.mark.parametrize(
    ("model_id", "template", "on", "off", "default"),
    [
        ("Qwen/Qwen3-0.6B", THINKS_UNLESS_FALSE, "[user]Hi[assistant]", "[user]Hi[assistant]<think></think>", "on"),
        (
            "HuggingFaceTB/SmolLM3-3B",
            THINKS_UNLESS_FALSE,
            "[user]Hi[assistant]",
            "[user]Hi[assistant]<think></think>",
            "on",
        ),
        ("zai-org/GLM-4.6", THINKS_UNLESS_FALSE, "[user]Hi[assistant]", "[user]Hi[assistant]<think></think>", "on"),
        (
            "tencent/Hunyuan-1.8B-Instruct",
            THINKS_UNLESS_FALSE,
            "[user]Hi[assistant]",
            "[user]Hi[assistant]<think></think>",
            "on",
        ),
        ("LGAI-EXAONE/EXAONE-4.0-32B", THINKS_IF_TRUE, "[user]Hi[assistant]<think>", "[user]Hi[assistant]", "off"),
        (
            "swiss-ai/Apertus-8B-Instruct-2509",
            THINKS_IF_TRUE,
            "[user]Hi[assistant]<think>",
            "[user]Hi[assistant]",
            "off",
        ),
        (
            "deepseek-ai/DeepSeek-V3.1",
            THINKS_IF_THINKING,
            "[user]Hi[assistant]<think>",
            "[user]Hi[assistant]</think>",
            "off",
        ),
        (
            "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5",
            SYSTEM_WORD,
            "[user]Hi[assistant]<think>",
            "[user]Hi[assistant]<think></think>",
            "on",
        ),
    ],
)
def test_a_switch_reaches_the_prompt(model_id: str, template: str, on: str, off: str, default: str) -> None:
    assert rendered(resolve_prompt_plan(row(model_id, "On")), template) == on
    assert rendered(resolve_prompt_plan(row(model_id, "Off")), template) == off
    not_applicable = resolve_prompt_plan(row(model_id, "N/A"))
    assert rendered(not_applicable, template) == {"on": on, "off": off}[default]
    assert bool(not_applicable.notes) == (default == "on"), "a default that thinks is told in the row"
    high = resolve_prompt_plan(row(model_id, "On (High)"))
    assert (rendered(high, template), high.expressed) == (on, False)
    assert "On (High) cannot be expressed: the model has no such effort" in high.notes[-1]
    with pytest.raises(RowRefusedError, match=r"'On \(High\)' cannot be expressed .*--strict-modes"):
        resolve_prompt_plan(row(model_id, "On (High)"), strict_modes=True)


def test_an_effort_in_another_case_contradicts_nothing() -> None:
    assert resolve_prompt_plan(row("openai/gpt-oss-20b", "On (High)", reasoning_effort="High")).notes == ()
    (note,) = resolve_prompt_plan(row("openai/gpt-oss-20b", "On (High)", reasoning_effort="Low")).notes
    assert "reasoning_effort=Low contradicts" in note


def test_gpt_oss_sends_the_effort_of_the_state() -> None:
    prompts = {
        state: rendered(resolve_prompt_plan(row("openai/gpt-oss-20b", state)), HARMONY)
        for state in ("On (Low)", "On (Medium)", "On (High)")
    }
    assert [prompt.split("[")[0] for prompt in prompts.values()] == [
        "Reasoning: low",
        "Reasoning: medium",
        "Reasoning: high",
    ]


@pytest.mark.parametrize("state", ["On", "N/A"])
def test_gpt_oss_without_an_effort_runs_its_default_and_says_so(state: str) -> None:
    row_plan = resolve_prompt_plan(row("openai/gpt-oss-20b", state))
    assert rendered(row_plan, HARMONY).startswith("Reasoning: medium")
    assert row_plan.notes[0] in (
        "no effort is named: run at the model's own, reasoning_effort=medium",
        "the model always thinks: a row filed without reasoning reasons all the same",
    )
    assert row_plan.prompt_plan.template_fallback == "harmony"


def test_a_plain_on_takes_the_effort_of_the_cell() -> None:
    row_plan = resolve_prompt_plan(row("openai/gpt-oss-20b", "On", reasoning_effort="high"))
    assert rendered(row_plan, HARMONY).startswith("Reasoning: high")
    assert row_plan.notes == ("the effort, high, is the Chat Template cell's: the state says no more than On",)


def test_gpt_oss_cannot_be_turned_off_and_runs_at_its_default() -> None:
    off = resolve_prompt_plan(row("openai/gpt-oss-20b", "Off"))
    assert rendered(off, HARMONY).startswith("Reasoning: medium")
    assert (off.expressed, off.kind) == (False, "always")
    assert off.notes == (
        "Off cannot be expressed: the model always thinks. Its first tokens are measured, thoughts or not",
    )


@pytest.mark.parametrize(
    "model_id",
    [
        "deepseek-ai/DeepSeek-R1",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
        "microsoft/Phi-4-reasoning-plus",
        "MiniMaxAI/MiniMax-M1-80k",
        "Qwen/Qwen3-Next-80B-A3B-Thinking",
        "Qwen/Qwen3-30B-A3B-Thinking-2507",
    ],
)
def test_a_model_that_always_thinks_cannot_be_turned_off(model_id: str) -> None:
    off = resolve_prompt_plan(row(model_id, "Off"))
    assert (off.prompt_plan, off.expressed) == (PromptPlan(), False)
    assert "Off cannot be expressed: the model always thinks" in off.notes[0]
    assert not resolve_prompt_plan(row(model_id, "On")).notes
    assert "always thinks" in resolve_prompt_plan(row(model_id, "N/A")).notes[0]


@pytest.mark.parametrize("template", [TURNS, OPENS_THINK])
def test_deepseek_r1_opens_its_answer_by_think_exactly_once(template: str) -> None:
    assert (
        rendered(resolve_prompt_plan(row("deepseek-ai/DeepSeek-R1", "On")), template) == "[user]Hi[assistant]<think>\n"
    )
    with_cell = resolve_prompt_plan(row("deepseek-ai/DeepSeek-R1", "On", prefix="<think>"))
    assert rendered(with_cell, template) == "[user]Hi[assistant]<think>\n"
    assert with_cell.prompt_plan.raw_prefix == "<think>"


@pytest.mark.parametrize(
    "model_id",
    [
        "Qwen/Qwen2.5-Coder-14B",
        "deepseek-ai/DeepSeek-V3",
        "moonshotai/Kimi-K2-Instruct",
        "ibm-granite/granite-4.0-micro",
        "mistralai/Mistral-Nemo-Instruct-2407",
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        "Qwen/Qwen3-30B-A3B-Instruct-2507",
    ],
)
def test_a_model_without_reasoning_runs_every_state_as_default(model_id: str) -> None:
    for state in ("On", "On (Low)"):
        on = resolve_prompt_plan(row(model_id, state))
        assert (on.prompt_plan, on.expressed) == (PromptPlan(), False)
        assert f"{state} cannot be expressed: no reasoning mode exists; run as default" in on.notes
    off, default = resolve_prompt_plan(row(model_id, "Off")), resolve_prompt_plan(row(model_id, "N/A"))
    assert off.prompt_plan == default.prompt_plan
    assert "no reasoning mode exists; run as default" in off.notes[0]
    assert default.notes == ()


def test_gemma_3_marked_on_runs_as_default_and_says_so() -> None:
    row_plan = resolve_prompt_plan(row("google/gemma-3-1b-it", "On"))
    assert row_plan.prompt_plan == resolve_prompt_plan(row("google/gemma-3-1b-it", "N/A")).prompt_plan
    assert row_plan.notes == ("On cannot be expressed: no reasoning mode exists; run as default",)


def test_magistral_is_asked_to_think_by_its_system_prompt() -> None:
    on = rendered(resolve_prompt_plan(row("mistralai/Magistral-Small-2507", "On")), TURNS)
    off = rendered(resolve_prompt_plan(row("mistralai/Magistral-Small-2507", "Off")), TURNS)
    assert "[THINK]" in on
    assert on.startswith("[system]")
    assert off.startswith("[system]")
    assert "THINK" not in off
    assert rendered(resolve_prompt_plan(row("mistralai/Magistral-Small-2507", "N/A")), TURNS) == "[user]Hi[assistant]"


def test_the_word_before_the_prompt_stands_beside_the_switch() -> None:
    row_plan = resolve_prompt_plan(row("tencent/Hunyuan-1.8B-Instruct", "On", prefix="/think "))
    assert rendered(row_plan, THINKS_UNLESS_FALSE) == "[user]/think Hi[assistant]"
    assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": True}


@pytest.mark.parametrize("word", ["/nothink ", "/no_think ", "<think></think>", "[THINK][/THINK]"])
def test_every_spelling_of_no_thinking_belongs_to_an_off_row(word: str) -> None:
    off, on = (resolve_prompt_plan(row("org/new-model", state, prefix=word)) for state in ("Off", "On"))
    assert word.strip() in (off.prompt_plan.user_prefix + off.prompt_plan.assistant_prefill)
    assert (off.notes, on.prompt_plan) == ((), PromptPlan())
    assert "contradicts Reasoning State 'On'" in on.notes[0]


def test_a_word_that_contradicts_the_state_is_left_out_with_a_note() -> None:
    row_plan = resolve_prompt_plan(row("tencent/Hunyuan-1.8B-Instruct", "Off", prefix="/think "))
    assert row_plan.prompt_plan.user_prefix == ""
    assert row_plan.notes == ("Chat Template cell: '/think' contradicts Reasoning State 'Off'; the state wins",)


def test_the_word_after_the_prompt_is_a_suffix() -> None:
    row_plan = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "Off", suffix=" /no_think"))
    assert rendered(row_plan, TURNS) == "[user]Hi /no_think[assistant]"


def test_the_state_wins_over_a_contradicting_cell_and_both_are_named() -> None:
    row_plan = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "Off", enable_thinking=True))
    assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": False}
    assert row_plan.notes == (
        "Chat Template cell: enable_thinking=True contradicts Reasoning State 'Off'; the state wins",
    )


def test_exaone_cells_are_inverted_back_without_a_note() -> None:
    for state, thinks in (("On", True), ("Off", False)):
        row_plan = resolve_prompt_plan(row("LGAI-EXAONE/EXAONE-4.0-32B", state, enable_thinking=not thinks))
        assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": thinks}
        assert row_plan.notes == ()


def test_a_switch_of_another_family_is_dropped_with_a_note() -> None:
    row_plan = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "On", thinking=True))
    assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": True}
    assert row_plan.notes == ("Chat Template cell: thinking=True is not a switch of Qwen3; not sent",)


def test_a_switch_that_would_start_thinking_in_a_row_without_a_mode_is_dropped() -> None:
    row_plan = resolve_prompt_plan(row("LGAI-EXAONE/EXAONE-4.0-32B", "N/A", enable_thinking=True))
    assert row_plan.prompt_plan.chat_template_kwargs == {}
    row_plan = resolve_prompt_plan(row("openai/gpt-oss-20b", "N/A", reasoning_effort="high"))
    assert row_plan.prompt_plan.chat_template_kwargs == {}
    assert "contradicts Reasoning State 'N/A'" in row_plan.notes[1]


def test_other_variables_of_the_cell_reach_the_template() -> None:
    row_plan = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "On", documents_style="plain"))
    assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": True, "documents_style": "plain"}


def test_a_budget_goes_to_the_variable_of_the_model_and_else_to_the_server() -> None:
    own = resolve_prompt_plan(row("ByteDance-Seed/Seed-OSS-36B-Instruct", "On", thinking_budget=512)).prompt_plan
    assert (own.chat_template_kwargs, own.thinking_token_budget) == ({"thinking_budget": 512}, None)
    served = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "On", thinking_budget=512)).prompt_plan
    assert (served.chat_template_kwargs, served.thinking_token_budget) == ({"enable_thinking": True}, 512)


def test_a_budget_of_the_state_is_sent_as_the_cells_is() -> None:
    state = row("ByteDance-Seed/Seed-OSS-36B-Instruct", "On").model_copy(update={"thinking_budget": 4096})
    assert resolve_prompt_plan(state).prompt_plan.chat_template_kwargs == {"thinking_budget": 4096}
    served = resolve_prompt_plan(row("Qwen/Qwen3-0.6B", "On").model_copy(update={"thinking_budget": 4096}))
    assert served.prompt_plan.thinking_token_budget == 4096
    assert "the budget of 4096 thinking tokens is sent to a server" in served.notes[0]


def test_a_word_of_the_system_prompt_works_for_every_model() -> None:
    for model_id in ("org/Model-1", "HuggingFaceTB/SmolLM3-3B", "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5"):
        asked = row(model_id, "Off").model_copy(update={"system_text": "/no_think"})
        plan = resolve_prompt_plan(asked)
        assert (plan.prompt_plan.system_prompt, plan.notes) == ("/no_think", ())
    on = resolve_prompt_plan(row("org/Model-1", "On").model_copy(update={"system_text": "/no_think"}))
    assert on.prompt_plan.system_prompt is None
    assert "'/no_think' contradicts Reasoning State 'On'" in on.notes[0]


def test_an_unknown_model_is_switched_by_the_cell() -> None:
    on = resolve_prompt_plan(row("org/Model-1", "On", enable_thinking=True))
    off = resolve_prompt_plan(row("org/Model-1", "Off", enable_thinking=False))
    assert (rendered(on, THINKS_IF_TRUE), rendered(off, THINKS_IF_TRUE)) == (
        "[user]Hi[assistant]<think>",
        "[user]Hi[assistant]",
    )
    assert (on.notes, off.notes) == ((), ())


def test_an_unknown_model_is_switched_by_the_state_where_the_cell_contradicts_it() -> None:
    row_plan = resolve_prompt_plan(row("org/Model-1", "Off", enable_thinking=True))
    assert row_plan.prompt_plan.chat_template_kwargs == {"enable_thinking": False}
    row_plan = resolve_prompt_plan(row("org/Model-1", "On (High)", reasoning_effort="low"))
    assert row_plan.prompt_plan.chat_template_kwargs == {"reasoning_effort": "high"}
    assert "contradicts" in row_plan.notes[0]


def test_an_unknown_model_with_an_unswitched_mode_says_so() -> None:
    (note,) = resolve_prompt_plan(row("org/Model-1", "On")).notes
    assert "nothing is known of how this model is switched to On" in note
    assert resolve_prompt_plan(row("org/Model-1", "N/A")).notes == ()
    row_plan = resolve_prompt_plan(row("org/Model-1", "On", deliberate=True))
    assert row_plan.prompt_plan.chat_template_kwargs == {"deliberate": True}
    assert row_plan.notes[-1].endswith("the cell's deliberate is taken for the switch")
    assert resolve_prompt_plan(row("org/Model-1", "On", prefix="<think>")).prompt_plan.assistant_prefill == "<think>\n"
