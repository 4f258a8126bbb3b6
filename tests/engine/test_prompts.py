from pathlib import Path

import openai_harmony
import pytest
from openai_harmony import Conversation, Role
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.engine.prompts import PromptRenderer


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


def test_a_switch_the_template_does_not_know_is_refused_by_name(with_template: PreTrainedTokenizerBase) -> None:
    with pytest.raises(PromptRenderError, match="no variable 'thinking'"):
        render(with_template, chat_template_kwargs={"thinking": True})


def test_a_switch_that_only_stands_in_the_templates_prose_is_refused(with_template: PreTrainedTokenizerBase) -> None:
    """As in the template of Phi-4-reasoning, whose system prompt asks for a thinking process."""
    with_template.chat_template = "Write down your thinking process. {{ messages[0].content }}"
    with pytest.raises(PromptRenderError, match="thinking=False: changes nothing in what the model's chat template"):
        render(with_template, chat_template_kwargs={"thinking": False})


def test_a_switch_that_says_the_default_has_its_effect(with_template: PreTrainedTokenizerBase) -> None:
    assert render(with_template, chat_template_kwargs={"enable_thinking": True}) == render(with_template)


def test_a_switch_without_a_template_is_refused(without_template: PreTrainedTokenizerBase) -> None:
    with pytest.raises(PromptRenderError, match="enable_thinking=False cannot be transmitted"):
        render(without_template, chat_template_kwargs={"enable_thinking": False})


def test_a_system_prompt_without_a_template_is_refused(without_template: PreTrainedTokenizerBase) -> None:
    """Dropped, it would leave an Off row of Nemotron Super, or an On row of Magistral, with the other one's prompt."""
    with pytest.raises(PromptRenderError, match="a system prompt cannot be transmitted"):
        render(without_template, system_prompt="/no_think")


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
