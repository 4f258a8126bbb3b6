"""The reasoning modes of one model: how each is sent, and what says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import SHEET_STATES, ReasoningMode, is_local_model
from energy_score.contract.prompt_plan import Family, PromptPlan, SheetCell
from energy_score.host.families.registry import find_family
from energy_score.host.model_files.hub_home import hub_is_offline
from energy_score.host.model_files.local_template import read_local_template
from energy_score.host.preflight.models.hub_template import NO_TEMPLATE, fetch_template
from energy_score.shared.chat_template.asking import inspect_template
from energy_score.shared.chat_template.decision import conclude, decide
from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.mode_request import Decision, ModeRequest
from energy_score.shared.chat_template.template_source import TemplateSource

# The modes in the order in which they are shown, from the least thinking to the most.
MODES = (ReasoningMode.OFF, ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.ON, ReasoningMode.HIGH)
_WRITTEN = {mode: text for text, mode in SHEET_STATES.items()} | {ReasoningMode.NOT_APPLICABLE: "Off (N/A)"}


@dataclass(frozen=True)
class ModelModes:
    """One model's template with what it shows, and its family; ``absence`` is the reason for a missing template.

    ``was_read`` is false if nobody could tell whether the model has one.
    """

    model_id: str
    template: TemplateSource | None
    findings: TemplateFindings | None
    family: Family | None
    absence: str | None = None

    @property
    def was_read(self) -> bool:
        """Whether the model's files were read, with or without a template among them."""
        return self.template is not None or self.absence == NO_TEMPLATE

    @property
    def shown(self) -> TemplateFindings | None:
        """Return what the template and the model's name show; None if the template shows nothing."""
        return conclude(self.findings, self.model_id)

    def decide(self, mode: ReasoningMode) -> Decision:
        """Return how the mode is sent for a row without a Chat Template cell."""
        return decide(
            ModeRequest(self.model_id, mode, state_of(mode), SheetCell(), self.family),
            self.findings,
        )

    def expressible(self) -> Iterator[tuple[ReasoningMode, Decision]]:
        """Yield the modes that reach the model, from the least thinking to the most, each with how it is sent.

        On is left out where it stands for an effort that has a name.
        """
        decisions = {mode: self.decide(mode) for mode in MODES}
        efforts = {ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH}
        prompts = [decision.plan for mode, decision in decisions.items() if mode in efforts and decision.expressed]
        for mode, decision in decisions.items():
            if decision.expressed and not (mode is ReasoningMode.ON and decision.plan in prompts):
                yield mode, decision


def state_of(mode: ReasoningMode) -> str:
    """Return the mode as a sheet writes it."""
    return _WRITTEN[mode]


def cell_for(plan: PromptPlan) -> str:
    """Return the Chat Template cell that asks for ``plan``; empty where no cell can say it, or nothing is sent."""
    if plan.chat_template_kwargs:
        return ", ".join(f"{name}={value}" for name, value in plan.chat_template_kwargs.items())
    if plan.system_prompt is not None and plan.system_prompt.startswith(("/", "detailed thinking")):
        return f"{plan.system_prompt} in the system prompt."
    if plan.user_suffix:
        return f"{plan.user_suffix.strip()} after the prompt"
    return f"{plan.user_prefix.strip()} before the prompt" if plan.user_prefix else ""


def read_modes(model_id: str, *, revision: str | None = None) -> ModelModes:
    """Return the modes of a folder or a Hub model; of the latter the template is fetched where it is not cached.

    Raises:
        UsageError: The folder does not exist.
    """
    folder = Path(model_id).expanduser() if is_local_model(model_id) else None
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{model_id}: no such folder. Name a folder with a model, or a Hub id (org/name).")
    template = read_local_template(folder=folder, model_id=model_id, revision=revision)
    absence = None if template is not None else NO_TEMPLATE
    if template is None and folder is None:
        if hub_is_offline():
            absence = "not in the Hub cache, and the Hub is not asked (HF_HUB_OFFLINE)"
        else:
            template, absence = fetch_template(model_id, revision)
    findings = None if template is None else inspect_template(template)
    return ModelModes(model_id, template, findings, find_family(model_id), absence)
