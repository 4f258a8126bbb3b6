"""One row's prompt plan as far as this machine knows: from the row, a chat template that is here, and the family."""

from dataclasses import dataclass

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.prompt_plan import Family, PromptPlan, SheetCell, ThinkingKind
from energy_score.host.families.registry import find_family
from energy_score.shared.chat_template.asking import inspect_template
from energy_score.shared.chat_template.decision import decide
from energy_score.shared.chat_template.mode_request import ModeRequest
from energy_score.shared.chat_template.template_source import TemplateSource


@dataclass(frozen=True)
class RowPlan:
    """How the row's queries are sent, and what a reader of its result must know.

    ``expressed`` is None if it is not known whether what is sent has an effect.
    """

    prompt_plan: PromptPlan
    notes: tuple[str, ...]
    cell: SheetCell | None = None
    template_sha256: str | None = None
    family: Family | None = None
    kind: ThinkingKind = "unknown"
    expressed: bool | None = None


def cell_of(config: ModelConfig) -> SheetCell:
    """Return what the row says of its prompt."""
    return SheetCell(
        parameters=config.reasoning_params,
        prefix=config.prompt_prefix,
        suffix=config.prompt_suffix,
        system_text=config.system_text,
        thinking_budget=config.thinking_budget,
    )


def resolve_prompt_plan(
    config: ModelConfig, *, template: TemplateSource | None = None, strict_modes: bool = False
) -> RowPlan:
    """Return how to ask the row's model for its reasoning mode.

    The reasoning state wins over the Chat Template cell; contradictions become notes.

    Raises:
        RowRefusedError: The model cannot express the mode, and ``strict_modes`` is on.
    """
    request = ModeRequest(
        model_id=config.model_id,
        mode=config.reasoning_mode,
        state=config.reasoning_state or "N/A",
        cell=cell_of(config),
        family=find_family(config.model_id),
    )
    decision = decide(request, None if template is None else inspect_template(template))
    if strict_modes and decision.expressed is False:
        raise RowRefusedError(
            f"Reasoning State: {config.reasoning_state!r} cannot be expressed by {config.model_id} "
            f"({'; '.join(decision.notes)}). Use another state, or run it without --strict-modes"
        )
    return RowPlan(
        prompt_plan=decision.plan,
        notes=tuple(decision.notes),
        cell=request.cell,
        template_sha256=None if template is None else template.sha256,
        family=request.family,
        kind=decision.kind,
        expressed=decision.expressed,
    )
