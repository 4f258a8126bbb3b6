"""From a prompt plan and a query's text to token ids, through the model's own chat template where it has one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.model_config import ParameterValue
from energy_score.contract.prompt_plan import PromptPlan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_EFFORT = "reasoning_effort"
# The one question that a plan's prompt is recorded by, and looked at before any query is asked.
PROBE_TEXT = "What is energy?"


class PromptRenderer:
    """Carries out one prompt plan with one tokenizer of transformers.

    ``template`` is rendered in place of the tokenizer's own (the same with a fixed date), ``defaults`` are the
    variables that the model's makers set. ``notes`` say what of the plan could not be carried out, and
    ``is_effective`` whether its switches change the prompt: None if it has none.
    """

    def __init__(
        self,
        *,
        tokenizer: "PreTrainedTokenizerBase",
        plan: PromptPlan,
        template: str | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._plan = plan
        self._given: dict[str, Any] = dict(defaults or {})
        self.notes: list[str] = []
        self.is_effective: bool | None = None
        self._template = template or find_chat_template(tokenizer)
        # A tokenizer that renders by code of its own (mistral-common) has no template to look at.
        self._has_own_code = self._template is None and not takes_templates(tokenizer)
        self.is_raw = plan.raw or (self._template is None and not self._has_own_code)
        self._harmony = None
        if self.is_raw and not plan.raw and plan.template_fallback == "harmony":
            self.is_raw, self._harmony = False, _HarmonyRenderer(plan)
        self._in_parts = False
        if self.is_raw:
            self._note_what_a_raw_prompt_loses()
        elif self._harmony is None:
            self._choose_form()
            self._check_switches()

    def render(self, text: str) -> tuple[str, list[int]]:
        """Return the rendered prompt and its token ids.

        Raises:
            PromptRenderError: The template itself refuses the messages.
        """
        plan = self._plan
        user_text = f"{plan.user_prefix}{text}{plan.user_suffix}"
        if self._harmony is not None:
            return self._harmony.render(user_text)
        if self.is_raw:
            rendered = f"{plan.raw_prefix}{user_text}"
            return rendered, list(self._tokenizer(rendered)["input_ids"])
        if self._has_own_code:
            return self._render_by_own_code(user_text)
        rendered = self._apply_template(user_text)
        # A template that already opened the thinking block must not open it twice.
        if plan.assistant_prefill and not rendered.rstrip().endswith(plan.assistant_prefill.strip()):
            rendered += plan.assistant_prefill
        return rendered, list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])

    def _choose_form(self) -> None:
        """Give contents as lists of parts where plain text raises, or vanishes: some templates read parts alone."""
        refusal: PromptRenderError | None = None
        for self._in_parts in (False, True):
            try:
                if PROBE_TEXT in self.render(PROBE_TEXT)[0]:
                    return
            except PromptRenderError as error:
                refusal = refusal or error
        raise refusal or PromptRenderError("the chat template leaves the user's text out of the prompt")

    def _messages(self, user_text: str) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [{"role": "user", "content": self._content(user_text)}]
        if self._plan.system_prompt is not None:
            messages.insert(0, {"role": "system", "content": self._content(self._plan.system_prompt)})
        return messages

    def _apply_template(self, user_text: str, kwargs: Mapping[str, ParameterValue] | None = None) -> str:
        switches = self._plan.chat_template_kwargs if kwargs is None else kwargs
        try:
            rendered = self._tokenizer.apply_chat_template(
                self._messages(user_text),
                tokenize=False,
                add_generation_prompt=True,
                chat_template=self._template,
                **{**self._given, **switches},
            )
        except Exception as error:  # a template is foreign code: whatever it raises is its refusal
            raise PromptRenderError(f"the chat template refuses the messages: {error}") from error
        return str(rendered)

    def _render_by_own_code(self, user_text: str) -> tuple[str, list[int]]:
        messages = self._messages(user_text)
        for message in messages:
            if message["role"] == "system" and isinstance(message["content"], str):
                message["content"] = thinking_parts(message["content"])
        try:
            ids: Any = self._tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
            return str(self._tokenizer.decode(ids, skip_special_tokens=False)), list(ids)
        except Exception as error:  # as a template's refusal
            raise PromptRenderError(f"the tokenizer refuses the messages: {error}") from error

    def _content(self, text: str) -> str | list[dict[str, str]]:
        return [{"type": "text", "text": text}] if self._in_parts else text

    def _note_what_a_raw_prompt_loses(self) -> None:
        plan = self._plan
        lost = [f"{name}={value}" for name, value in plan.chat_template_kwargs.items()]
        if plan.system_prompt is not None:
            lost.append("a system prompt")
        if lost:
            self.is_effective = False
            self.notes.append(f"the prompt is raw text, so {', '.join(lost)} cannot be sent")

    def _check_switches(self) -> None:
        """See whether each switch changes the prompt: templates accept unknown variables in silence."""
        switches = self._plan.chat_template_kwargs
        if not switches:
            return
        if self._has_own_code:
            self.is_effective = False
            self.notes.append(f"the tokenizer renders by its own code, so {_assignments(switches)} cannot be sent")
            return
        without_effect = [name for name in switches if not self._changes_something(name)]
        self.is_effective = len(without_effect) < len(switches)
        if without_effect:
            named = _assignments({name: switches[name] for name in without_effect})
            self.notes.append(f"{named}: changes nothing in what the model's chat template writes")

    def _changes_something(self, name: str) -> bool:
        switches = self._plan.chat_template_kwargs
        as_planned = self._apply_template(PROBE_TEXT)
        without = {other: value for other, value in switches.items() if other != name}
        for kwargs in (without, {**without, name: another_value(switches[name])}):
            try:
                if self._apply_template(PROBE_TEXT, kwargs) != as_planned:
                    return True
            except PromptRenderError:
                return True  # a template that refuses another value reads it
        return False


def find_chat_template(tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Return the tokenizer's own chat template; None if it has none."""
    try:
        return str(tokenizer.get_chat_template()) if tokenizer.chat_template else None
    except (NotImplementedError, AttributeError, ValueError):
        return None


def takes_templates(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Return whether the tokenizer would use a chat template if it had one; mistral-common's has code of its own."""
    try:
        tokenizer.get_chat_template("{{ messages }}")
    except NotImplementedError:
        return False
    return True


def thinking_parts(text: str) -> list[dict[str, str]] | str:
    """Return a system prompt that shows ``[THINK]...[/THINK]`` as parts; only as such do they become control tokens."""
    before, opened, rest = text.partition("[THINK]")
    thoughts, closed, after = rest.partition("[/THINK]")
    if not (opened and closed):
        return text
    return [
        {"type": "text", "text": before},
        {"type": "thinking", "thinking": thoughts},
        {"type": "text", "text": after},
    ]


def another_value(value: ParameterValue) -> ParameterValue:
    """Return a value of the same kind that a template would write otherwise."""
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


def _assignments(switches: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in switches.items())
