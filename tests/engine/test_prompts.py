from datetime import date, datetime
from pathlib import Path

import openai_harmony
import pytest
from openai_harmony import Conversation, Role
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.engine.prompts import PromptRenderer, thinking_parts
from energy_score.shared.chat_template.asking import inspect_template
from energy_score.shared.chat_template.fixed_date import with_fixed_date
from energy_score.shared.chat_template.template_source import TemplateSource


@pytest.fixture
def with_template(tiny_models: Path) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tiny_models / "Qwen3-tiny")
    return tokenizer


@pytest.fixture
def without_template(tiny_models: Path) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tiny_models / "base-tiny")
    return tokenizer


def render(tokenizer: PreTrainedTokenizerBase, text: str = "What is AI?", **plan: object) -> str:
    rendered, ids = PromptRenderer(tokenizer=tokenizer, plan=PromptPlan.model_validate(plan)).render(text)
    assert tokenizer.decode(ids) == rendered
    return rendered


def test_a_prompt_goes_through_the_models_own_template(with_template: PreTrainedTokenizerBase) -> None:
    assert render(with_template) == "<|im_start|>user\nWhat is AI?<|im_end|>\n<|im_start|>assistant\n"


def test_a_switch_changes_the_rendered_prompt(with_template: PreTrainedTokenizerBase) -> None:
    off = render(with_template, chat_template_kwargs={"enable_thinking": False})
    assert off == render(with_template, chat_template_kwargs={"enable_thinking": True}) + "<think>\n\n</think>\n\n"


def test_the_system_prompt_comes_first_and_the_user_prefix_before_the_text(
    with_template: PreTrainedTokenizerBase,
) -> None:
    rendered = render(with_template, system_prompt="/no_think", user_prefix="/think ")
    assert rendered.startswith(
        "<|im_start|>system\n/no_think<|im_end|>\n<|im_start|>user\n/think What is AI?<|im_end|>"
    )


def test_the_prefill_follows_the_template_unless_it_opened_the_block_already(
    with_template: PreTrainedTokenizerBase,
) -> None:
    assert render(with_template, assistant_prefill="<think>\n").endswith("assistant\n<think>\n")
    with_template.chat_template = "{{ messages[0].content + '<think>\\n' }}"
    assert render(with_template, assistant_prefill="<think>\n") == "What is AI?<think>\n"


def test_a_template_that_looks_for_parts_in_a_message_gets_them(with_template: PreTrainedTokenizerBase) -> None:
    """As those of LLaVA and SmolVLM do; of a plain text they find nothing, and the query would be an empty turn."""
    with_template.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{% for part in m.content %}{% if part['type'] == 'text' %}"
        "{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}[assistant]"
    )
    assert render(with_template, system_prompt="Be brief.") == "[system]Be brief.[user]What is AI?[assistant]"


def test_a_template_that_leaves_the_text_out_is_refused(with_template: PreTrainedTokenizerBase) -> None:
    with_template.chat_template = "{% for m in messages %}[{{ m.role }}]{% endfor %}[assistant]"
    with pytest.raises(PromptRenderError, match="leaves the user's text out of the prompt"):
        render(with_template)


def test_without_a_template_the_raw_prompt_is_sent(without_template: PreTrainedTokenizerBase) -> None:
    assert render(without_template) == "What is AI?"
    assert render(without_template, raw_prefix="<think>", assistant_prefill="<think>\n") == "<think>What is AI?"


def renderer_of(tokenizer: PreTrainedTokenizerBase, **plan: object) -> PromptRenderer:
    return PromptRenderer(tokenizer=tokenizer, plan=PromptPlan.model_validate(plan))


@pytest.mark.parametrize("template", [None, "Write down your thinking process. {{ messages[0].content }}"])
def test_a_switch_that_changes_nothing_is_seen_though_its_name_is_in_the_templates_prose(
    with_template: PreTrainedTokenizerBase, template: str | None
) -> None:
    """As in the template of Phi-4-reasoning, whose system prompt asks for a thinking process."""
    with_template.chat_template = template or with_template.chat_template
    renderer = renderer_of(with_template, chat_template_kwargs={"thinking": False})
    assert renderer.is_effective is False
    assert renderer.notes == ["thinking=False: changes nothing in what the model's chat template writes"]


def test_a_switch_that_says_the_default_has_its_effect(with_template: PreTrainedTokenizerBase) -> None:
    assert render(with_template, chat_template_kwargs={"enable_thinking": True}) == render(with_template)


def test_what_a_raw_prompt_cannot_carry_is_seen(without_template: PreTrainedTokenizerBase) -> None:
    """Nemotron Super's Off row and Magistral's On row are a system prompt: without one they are another mode's."""
    switch = renderer_of(without_template, chat_template_kwargs={"enable_thinking": False})
    system = renderer_of(without_template, system_prompt="/no_think")
    assert [renderer.is_raw for renderer in (switch, system)] == [True, True]
    assert [renderer.is_effective for renderer in (switch, system)] == [False, False]
    assert switch.notes == ["the prompt is raw text, so enable_thinking=False cannot be sent"]
    assert system.notes == ["the prompt is raw text, so a system prompt cannot be sent"]
    assert renderer_of(without_template).is_effective is None


def test_contents_are_parts_where_plain_text_raises(with_template: PreTrainedTokenizerBase) -> None:
    """As MiniMax-M1's template reads them."""
    with_template.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m['content'][0]['text'] }}{% endfor %}[assistant]"
    )
    assert render(with_template, system_prompt="Be brief.") == "[system]Be brief.[user]What is AI?[assistant]"


@pytest.mark.parametrize(
    "template",
    [
        "  {% if true %}{{ strftime_now('%Y-%m-%d %H') }}{% endif %} {{ messages[0].content }}",
        "\n{%- set today = strftime_now('%d %B %Y') -%}\n  Today: {{ today ~ '.' }} {{ messages[0].content }}",
        "{% macro now() %}{{ strftime_now('%Y-%m-%d') }}{% endmacro %}\n\n{{ now() }} {{ messages[0].content }}",
    ],
)
def test_a_fixed_date_is_all_that_changes_in_a_template(with_template: PreTrainedTokenizerBase, template: str) -> None:
    day = datetime.now().astimezone().date()
    with_template.chat_template = template
    findings = inspect_template(TemplateSource(template))
    fixed, today = (
        PromptRenderer(
            tokenizer=with_template,
            plan=PromptPlan(),
            template=with_fixed_date(template, day=fixed_day, formats=findings.date_formats),
        ).render("Hi")[0]
        for fixed_day in (date(2025, 12, 4), day)
    )
    assert "2025" in fixed
    assert "04" in fixed
    own = PromptRenderer(tokenizer=with_template, plan=PromptPlan()).render("Hi")[0]
    if "%H" not in template:  # the fixed hour is noon
        assert today == own


def test_the_models_own_defaults_are_given_and_the_plan_wins(with_template: PreTrainedTokenizerBase) -> None:
    default = PromptRenderer(tokenizer=with_template, plan=PromptPlan(), defaults={"enable_thinking": False})
    assert default.render("Hi")[0].endswith("<think>\n\n</think>\n\n")
    on = PromptPlan(chat_template_kwargs={"enable_thinking": True})
    asked = PromptRenderer(tokenizer=with_template, plan=on, defaults={"enable_thinking": False})
    assert asked.render("Hi")[0].endswith("assistant\n")


def test_the_thoughts_that_a_system_prompt_shows_are_a_part_of_their_own() -> None:
    assert thinking_parts("Think.[THINK]so[/THINK]Answer.") == [
        {"type": "text", "text": "Think."},
        {"type": "thinking", "thinking": "so"},
        {"type": "text", "text": "Answer."},
    ]
    assert thinking_parts("Be brief.") == "Be brief."


def test_a_template_that_refuses_the_messages_says_so(with_template: PreTrainedTokenizerBase) -> None:
    with_template.chat_template = "{{ raise_exception('system messages are not supported') }}"
    with pytest.raises(PromptRenderError, match="system messages are not supported"):
        render(with_template, system_prompt="x")


def test_harmony_without_its_vocabulary_says_what_is_missing(
    without_template: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # An empty folder: openai-harmony looks for its vocabulary there and nowhere else.
    monkeypatch.setenv("TIKTOKEN_ENCODINGS_BASE", str(tmp_path))
    with pytest.raises(PromptRenderError, match=r"openai-harmony cannot be loaded .*TIKTOKEN_ENCODINGS_BASE"):
        render(without_template, template_fallback="harmony", chat_template_kwargs={"reasoning_effort": "high"})


class Vocabulary:
    """Stands for the Harmony vocabulary, which has to be fetched: a byte for each character, messages as they are."""

    def render_conversation_for_completion(self, conversation: Conversation, role: Role) -> list[int]:
        said = (f"[{message.author.role.value}]{message.content[0].to_dict()}" for message in conversation.messages)
        return list(f"{''.join(said)}[{role.value}]".encode())

    def decode_utf8(self, ids: list[int]) -> str:
        return bytes(ids).decode()


def test_harmony_carries_the_text_around_the_prompt_and_the_effort(
    without_template: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_harmony, "load_harmony_encoding", lambda _: Vocabulary())
    plan = PromptPlan(
        template_fallback="harmony", user_prefix="Summarize. ", user_suffix=" Now.",
        chat_template_kwargs={"reasoning_effort": "high"},
    )  # fmt: skip
    rendered, _ = PromptRenderer(tokenizer=without_template, plan=plan).render("What is AI?")
    assert "<ReasoningEffort.HIGH: 'High'>" in rendered
    assert "[user]{'type': 'text', 'text': 'Summarize. What is AI? Now.'}[assistant]" in rendered


def test_a_variable_that_harmony_has_not_is_refused(without_template: PreTrainedTokenizerBase) -> None:
    with pytest.raises(PromptRenderError, match="Harmony has no such variable, so enable_thinking=True would have no"):
        render(without_template, template_fallback="harmony", chat_template_kwargs={"enable_thinking": True})
