"""From a prompt plan and a query's text to token ids, through the model's own chat template where it has one."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.model_config import ParameterValue
from energy_score.contract.prompt_plan import PromptPlan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_EFFORT = "reasoning_effort"
_PROBE_TEXT = "What is energy?"


class PromptRenderer:
    """Carries out one prompt plan with one tokenizer of transformers."""

    def __init__(self, *, tokenizer: "PreTrainedTokenizerBase", plan: PromptPlan) -> None:
        self._tokenizer = tokenizer
        self._plan = plan
        self._template: str | None = tokenizer.get_chat_template() if tokenizer.chat_template else None
        self._harmony = None
        if self._template is None and plan.template_fallback == "harmony":
            self._harmony = _HarmonyRenderer(plan)
        else:
            self._refuse_switches_that_go_nowhere()
        # Templates of models that read images as well may look for parts in a message, and find none in plain text.
        self._in_parts = False
        if self._template is not None and not plan.raw and _PROBE_TEXT not in self._apply_template(_PROBE_TEXT):
            self._in_parts = True
            if _PROBE_TEXT not in self._apply_template(_PROBE_TEXT):
                raise PromptRenderError("the chat template leaves the user's text out of the prompt")
        if plan.chat_template_kwargs and self._harmony is None:
            self._refuse_switches_that_change_nothing()

    def render(self, text: str) -> tuple[str, list[int]]:
        """The rendered prompt and its token ids.

        Raises:
            PromptRenderError: the template itself refuses the messages.
        """
        plan = self._plan
        user_text = f"{plan.user_prefix}{text}{plan.user_suffix}"
        if self._harmony is not None:
            return self._harmony.render(user_text)
        if self._template is None or plan.raw:
            rendered = f"{plan.raw_prefix}{user_text}"
            return rendered, self._tokenizer(rendered)["input_ids"]
        rendered = self._apply_template(user_text)
        # A template that already opened the thinking block must not open it twice.
        if plan.assistant_prefill and not rendered.rstrip().endswith(plan.assistant_prefill.strip()):
            rendered += plan.assistant_prefill
        return rendered, self._tokenizer(rendered, add_special_tokens=False)["input_ids"]

    def _apply_template(self, user_text: str, kwargs: Mapping[str, ParameterValue] | None = None) -> str:
        messages: list[dict[str, Any]] = [{"role": "user", "content": self._content(user_text)}]
        if self._plan.system_prompt is not None:
            messages.insert(0, {"role": "system", "content": self._content(self._plan.system_prompt)})
        switches: dict[str, Any] = dict(self._plan.chat_template_kwargs if kwargs is None else kwargs)
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, **switches
            )
        except Exception as error:  # a template is foreign code: whatever it raises is its refusal
            raise PromptRenderError(f"the chat template refuses the messages: {error}") from error
        return str(rendered)

    def _content(self, text: str) -> str | list[dict[str, str]]:
        return [{"type": "text", "text": text}] if self._in_parts else text

    def _refuse_switches_that_go_nowhere(self) -> None:
        """Templates accept unknown variables in silence, so a switch must be looked for in the template's text."""
        switches = self._plan.chat_template_kwargs
        if self._template is None or self._plan.raw:
            lost = "a system prompt" if self._plan.system_prompt is not None else ""
            if switches or lost:
                raise PromptRenderError(
                    f"the model has no chat template, so {_assignments(switches) or lost} cannot be transmitted; "
                    "leave the state at 'Off (N/A)' for a base model"
                )
        for name, value in switches.items():
            if not re.search(rf"\b{re.escape(name)}\b", self._template or ""):
                raise PromptRenderError(
                    f"the model's chat template has no variable {name!r}, so {name}={value} would have no effect"
                )

    def _refuse_switches_that_change_nothing(self) -> None:
        """The name alone may stand in the template's prose: 'thinking' does where it asks for a thinking process."""
        names: list[str] = []
        switches, as_planned = self._plan.chat_template_kwargs, self._apply_template(_PROBE_TEXT)
        for name, value in switches.items():
            without = {other: switches[other] for other in switches if other != name}
            otherwise = (without, {**without, name: another_value(value)})
            with suppress(PromptRenderError):  # a template that refuses another value reads it
                if all(self._apply_template(_PROBE_TEXT, kwargs) == as_planned for kwargs in otherwise):
                    names.append(f"{name}={value}")
        if names:
            raise PromptRenderError(f"{', '.join(names)}: changes nothing in what the model's chat template writes")


def another_value(value: ParameterValue) -> ParameterValue:
    """A value of the same kind that a template would write otherwise."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "low" if value != "low" else "high"


class _HarmonyRenderer:
    """Renders with the published openai-harmony package, for a gpt-oss tokenizer that came without a template."""

    def __init__(self, plan: PromptPlan) -> None:
        unknown = {name: value for name, value in plan.chat_template_kwargs.items() if name != _EFFORT}
        if unknown:
            raise PromptRenderError(f"Harmony has no such variable, so {_assignments(unknown)} would have no effect")
        try:
            import openai_harmony as harmony  # noqa: PLC0415 - only this rare path needs it

            encoding = harmony.load_harmony_encoding(harmony.HarmonyEncodingName.HARMONY_GPT_OSS)
        except Exception as error:  # the package fetches its vocabulary and raises its own errors where it cannot
            raise PromptRenderError(
                f"the model has no chat template and openai-harmony cannot be loaded ({error}); "
                "add the model's chat_template.jinja, or give openai-harmony its vocabulary (TIKTOKEN_ENCODINGS_BASE)"
            ) from error
        system = harmony.SystemContent.new()
        effort = plan.chat_template_kwargs.get(_EFFORT)
        if effort is not None:
            system = system.with_reasoning_effort(harmony.ReasoningEffort(str(effort).capitalize()))
        self._harmony, self._encoding, self._system = harmony, encoding, system

    def render(self, text: str) -> tuple[str, list[int]]:
        message, role = self._harmony.Message.from_role_and_content, self._harmony.Role
        conversation = self._harmony.Conversation.from_messages(
            [message(role.SYSTEM, self._system), message(role.USER, text)]
        )
        ids = list(self._encoding.render_conversation_for_completion(conversation, role.ASSISTANT))
        return str(self._encoding.decode_utf8(ids)), ids


def _assignments(switches: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in switches.items())
