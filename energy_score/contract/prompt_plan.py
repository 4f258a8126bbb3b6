"""How a query's text becomes a prompt, what the sheet and the family say of it, and what was sent in the end."""

from datetime import date
from typing import Literal

from pydantic import Field

from energy_score.contract.model_config import ParameterValue, ReasoningMode
from energy_score.contract.record import Record, SafeLine

# What is known of a model's choice. switch: two modes to choose from. always, never: it thinks, or does not, whatever
# it is told. unknown: not known; it may have been trained to think, or to obey a text.
ThinkingKind = Literal["switch", "always", "never", "unknown"]
# Who said how the mode is sent: the sheet's cell, the model's own chat template, the family's entry, or none of them.
PlanSource = Literal["cell", "template", "family", "none"]


class PromptPlan(Record):
    """How a query's text becomes the model's input; carried out by the engine.

    With a chat template: messages are ``system_prompt`` (if any) and ``user_prefix`` + text + ``user_suffix``; the
    template gets ``chat_template_kwargs``; ``assistant_prefill`` follows the rendered prompt unless that already ends
    with it. A server is given ``thinking_token_budget`` beside them.
    Without one (or with ``raw``): the input is ``raw_prefix`` + ``user_prefix`` + text + ``user_suffix``, or the
    Harmony rendering where ``template_fallback`` says so.
    """

    system_prompt: str | None = None
    user_prefix: str = ""
    user_suffix: str = ""
    assistant_prefill: str = ""
    chat_template_kwargs: dict[str, ParameterValue] = Field(default_factory=dict)
    thinking_token_budget: int | None = Field(default=None, ge=0)
    raw: bool = False
    raw_prefix: str = ""
    template_fallback: Literal["raw", "harmony"] = "raw"

    def __str__(self) -> str:
        """What is sent for the mode, as a table shows it; empty where that is the model's default."""
        parts = [f"{name}={value}" for name, value in self.chat_template_kwargs.items()]
        if self.thinking_token_budget is not None:
            parts.append(f"thinking_token_budget={self.thinking_token_budget}")
        if self.system_prompt is not None:
            parts.append(f"system prompt {(self.system_prompt.splitlines() or [''])[0][:30]!r}")
        if self.assistant_prefill:
            parts.append(f"prefill {self.assistant_prefill!r}")
        if self.user_prefix:
            parts.append(f"prefix {self.user_prefix!r}")
        if self.user_suffix:
            parts.append(f"suffix {self.user_suffix!r}")
        return ", ".join(parts)


class SheetCell(Record):
    """What the row itself says of its prompt: its Chat Template cell, and the budget in its Reasoning State.

    ``parameters`` are template variables; ``prefix`` and ``suffix`` stand around the prompt; ``system_text`` is for the
    system prompt; ``thinking_budget`` is a number of thinking tokens.
    """

    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    prefix: str = ""
    suffix: str = ""
    system_text: str = ""
    thinking_budget: int | None = None


class FamilyVector(Record):
    """One case that the entry must get right: of ``model``, what is sent for ``mode``."""

    model: str
    mode: ReasoningMode
    sends: PromptPlan


class Family(Record):
    """What is known of the models whose name matches ``pattern``, for when their chat template does not say it.

    ``pattern`` is a regular expression for the beginning of the name, in lower case. ``plans`` has what is sent for
    each mode that the family can express; a mode that is missing is sent as the default. ``switches`` are the template
    variables that carry the mode. ``source`` says where all this is written, ``checked`` when it was last checked,
    and ``verified`` whether the model's own template or card was seen.
    ``cell_may_be_inverted``: a circulating sheet has this family's switch the wrong way round.
    """

    name: str
    pattern: str
    kind: ThinkingKind
    default: Literal["on", "off"] | None = None
    plans: dict[ReasoningMode, PromptPlan] = Field(default_factory=dict)
    switches: tuple[str, ...] = ()
    template_fallback: Literal["raw", "harmony"] = "raw"
    cell_may_be_inverted: bool = False
    source: str = ""
    checked: date | None = None
    verified: bool = True
    vectors: tuple[FamilyVector, ...] = ()

    @property
    def speaks_harmony(self) -> bool:
        """Whether prompts are rendered in the Harmony format where the tokenizer has no chat template."""
        return self.template_fallback == "harmony"


class PromptUse(Record):
    """How the queries of a run were really asked.

    ``sent`` is the plan as it was carried out, ``source`` who said so. ``expressed`` says whether the row's mode
    reached the prompt: None if that cannot be seen. ``template_sha256`` is of the chat template in
    ``template_file``. ``probe_sha256`` is of the prompt that one fixed question makes (``probe_ending`` are its last
    characters), None if the server does not show it. ``opens_thoughts``: prompts end inside a block of thoughts.
    ``day`` is the date that templates print as today's; ``prints_date`` whether this one prints one. ``raw_reason``
    is the reason why an instruct model got no template.
    """

    sent: PromptPlan
    source: PlanSource
    kind: ThinkingKind
    expressed: bool | None
    template_file: str | None = None
    template_sha256: str | None = None
    probe_sha256: str | None = None
    probe_ending: SafeLine | None = None
    opens_thoughts: bool | None = None
    day: date | None = None
    prints_date: bool | None = None
    raw_reason: SafeLine | None = None
    notes: tuple[SafeLine, ...] = ()
