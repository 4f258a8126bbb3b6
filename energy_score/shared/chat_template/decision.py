"""How a row's reasoning mode is sent: decided from the row, the model's chat template and what is known of its family.

The host decides with the files that this machine has, and the engine again with the tokenizer that it loaded; the
engine's decision counts. The sheet's state names the mode, its cell supplies parameters, then the template says how the
mode is switched, then the family's entry.
"""

import re

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan, ThinkingKind
from energy_score.contract.run_spec import RunSpec
from energy_score.shared.chat_template.cell_reader import CellReader
from energy_score.shared.chat_template.findings import TemplateFindings
from energy_score.shared.chat_template.mode_request import BUDGET_KEYS, EFFORT_KEY, LEVELS, Decision, ModeRequest
from energy_score.shared.tasks.registry import find_task

# What a model's makers say of it by its name: whole words of it, in lower case.
_SAYS_INSTRUCT = re.compile(r"(?:^|[-_.])(?:instruct|it|chat)(?:[-_.]|$)")
_SAYS_THINKING = re.compile(r"think|reason")


def decide(request: ModeRequest, findings: TemplateFindings | None) -> Decision:
    """Return how the mode of ``request`` is sent; ``findings`` are of the model's template, None if it is not known.

    A mode that cannot be expressed is sent as the model's default, with a note.
    """
    shown = conclude(findings, request.model_id)
    notes: list[str] = []
    mode = _with_level_of_cell(request, shown, notes)
    decision = _by_template(mode, shown, notes) or _by_family(mode, request, notes) or _by_nobody(notes)
    _note_contradictions(request, shown, decision)
    CellReader(request, mode, shown, decision).add_to_plan()
    _add_budget(request, shown, decision)
    _judge(request, mode, decision)
    if request.family is not None and request.family.speaks_harmony:
        decision.plan = decision.plan.model_copy(update={"template_fallback": "harmony"})
    return decision


def decide_for_spec(spec: RunSpec, findings: TemplateFindings | None) -> Decision:
    """Return how the queries of ``spec`` are asked, its task's instruction included; a plan without a cell is final."""
    if spec.cell is None:
        return Decision(spec.prompt_plan, "none", "unknown", None)
    request = ModeRequest(spec.model_id, spec.reasoning, spec.reasoning_state or "N/A", spec.cell, spec.family)
    decision = decide(request, findings)
    instruction = find_instruction(spec.task)
    prefix = f"{instruction}{decision.plan.user_prefix}"
    decision.plan = decision.plan.model_copy(update={"user_prefix": prefix})
    return decision


def find_instruction(task: str) -> str:
    """Return the instruction to a causal model for the text of a task that is not plain text generation."""
    known = find_task(task)
    return "" if known.has_reasoning else known.instruction


def conclude(findings: TemplateFindings | None, model_id: str) -> TemplateFindings | None:
    """Return ``findings`` with what the model's name adds to them; None if they say nothing.

    A name decides only where the template shows nothing, and makes a template doubtful that contradicts it: makers
    write Instruct for a model that answers at once, Thinking or Reasoning for one that does not.
    """
    if findings is None or findings.fault is not None:
        return None
    name = model_id.rstrip("/").rpartition("/")[2].lower()
    is_thinker, is_instruct = bool(_SAYS_THINKING.search(name)), bool(_SAYS_INSTRUCT.search(name))
    if findings.kind == "always" and is_instruct and not is_thinker and set(findings.changes) == {ReasoningMode.ON}:
        doubt = f"{findings.evidence}, but the name says that the model answers at once"
        return findings.model_copy(update={"kind": "unknown", "changes": {}, "default": None, "evidence": doubt})
    if findings.kind != "unknown":
        return findings
    if is_thinker:
        said = "the name says that the model thinks, and the template has no switch"
        changes = {ReasoningMode.ON: PromptPlan()}
        return findings.model_copy(update={"kind": "always", "default": "on", "changes": changes, "evidence": said})
    if is_instruct and not findings.handles_thoughts:
        said = "no switch and no thoughts in the template, and the name says that the model answers at once"
        changes = {ReasoningMode.OFF: PromptPlan()}
        return findings.model_copy(update={"kind": "never", "default": "off", "changes": changes, "evidence": said})
    return findings


def _with_level_of_cell(request: ModeRequest, shown: TemplateFindings | None, notes: list[str]) -> ReasoningMode:
    """The row's mode; for a plain On the effort that the cell names, where the model has efforts."""
    level = LEVELS.get(str(request.cell.parameters.get(EFFORT_KEY, "")).strip().lower())
    if request.mode is not ReasoningMode.ON or level is None:
        return request.mode
    known = set(shown.changes if shown is not None else ()) | set(request.family.plans if request.family else ())
    if level not in known:
        return request.mode
    notes.append(f"the effort, {level.value}, is the Chat Template cell's: the state says no more than On")
    return level


def _by_template(mode: ReasoningMode, shown: TemplateFindings | None, notes: list[str]) -> Decision | None:
    if shown is None or shown.kind == "unknown":
        return None
    plan, expressed = _choose(mode, shown.changes, shown.kind)
    _note_default(mode, plan, shown.kind, shown.default, notes)
    return Decision(plan, "template", shown.kind, expressed, notes)


def _by_family(mode: ReasoningMode, request: ModeRequest, notes: list[str]) -> Decision | None:
    family = request.family
    if family is None:
        return None
    plan, expressed = _choose(mode, family.plans, family.kind)
    _note_default(mode, plan, family.kind, family.default, notes)
    return Decision(plan, "family", family.kind, expressed, notes)


def _note_default(
    mode: ReasoningMode, plan: PromptPlan, kind: ThinkingKind, default: str | None, notes: list[str]
) -> None:
    """Say what a model does where the row leaves it open: whether it thinks, and how much."""
    if mode is ReasoningMode.NOT_APPLICABLE and default == "on":
        notes.append(_thinks_by_default(kind))
    if mode is ReasoningMode.ON and kind == "always" and plan.chat_template_kwargs:
        notes.append(f"no effort is named: run at the model's own, {_assigned(plan)}")


def _by_nobody(notes: list[str]) -> Decision:
    return Decision(PromptPlan(), "none", "unknown", None, notes)


def _choose(
    mode: ReasoningMode, changes: dict[ReasoningMode, PromptPlan], kind: ThinkingKind
) -> tuple[PromptPlan, bool | None]:
    """The plan of the mode among ``changes``, and whether it expresses the mode."""
    if mode is ReasoningMode.NOT_APPLICABLE:
        return changes.get(mode, PromptPlan()), True
    if mode in changes:
        return changes[mode], True
    thinking = changes.get(ReasoningMode.ON, PromptPlan())
    if mode is ReasoningMode.OFF:
        return PromptPlan(), {"never": True, "unknown": None}.get(kind, False)
    if mode is ReasoningMode.ON:
        return thinking, {"always": True, "unknown": None}.get(kind, False)
    return thinking, False  # an effort that the model does not know


def _note_contradictions(request: ModeRequest, shown: TemplateFindings | None, decision: Decision) -> None:
    family = request.family
    if shown is None or family is None or shown.kind == "unknown" or family.kind == "unknown":
        return
    if shown.kind != family.kind:
        decision.notes.append(
            f"the entry of family {family.name} says {_said(family.kind)}, and the model's own chat template "
            f"{_said(shown.kind)} ({shown.evidence}): the template counts"
        )
        return
    for mode in (ReasoningMode.ON, ReasoningMode.OFF):
        told, read = family.plans.get(mode), shown.changes.get(mode)
        if told is not None and read is not None and set(told.chat_template_kwargs) - set(shown.variables):
            decision.notes.append(
                f"the entry of family {family.name} sends {_assigned(told)}, which the model's own chat template does "
                f"not read; it has {_assigned(read) or 'another switch'}: the template counts"
            )
            return


def _add_budget(request: ModeRequest, shown: TemplateFindings | None, decision: Decision) -> None:
    """Put the state's budget of thinking tokens where the model reads it: a variable of its template, or the server."""
    budget = request.cell.thinking_budget
    if budget is None:
        return
    variable = shown.budget_variable if shown is not None else None
    if variable is None and request.family is not None:
        variable = next((name for name in request.family.switches if name in BUDGET_KEYS), None)
    if variable is None:
        decision.plan = decision.plan.model_copy(update={"thinking_token_budget": budget})
        decision.notes.append(
            f"the budget of {budget} thinking tokens is sent to a server as thinking_token_budget, because the chat "
            "template has no variable for it"
        )
    else:
        kwargs = {**decision.plan.chat_template_kwargs, variable: budget}
        decision.plan = decision.plan.model_copy(update={"chat_template_kwargs": kwargs})


def _judge(request: ModeRequest, mode: ReasoningMode, decision: Decision) -> None:
    """Say of a mode that cannot be expressed what runs in its place."""
    state = request.state
    if mode is ReasoningMode.NOT_APPLICABLE:
        decision.expressed = True
        return
    if decision.expressed is False and decision.kind == "always" and mode is ReasoningMode.OFF:
        decision.notes.append(
            f"{state} cannot be expressed: the model always thinks. Its first tokens are measured, thoughts or not"
        )
    elif decision.expressed is False and decision.kind == "never" and mode.thinks:
        decision.notes.append(f"{state} cannot be expressed: no reasoning mode exists; run as default")
    elif decision.expressed is False and mode.thinks and mode is not ReasoningMode.ON:
        decision.notes.append(f"{state} cannot be expressed: the model has no such effort; run as On")
    elif decision.expressed is False:
        decision.notes.append(f"{state} cannot be expressed; run as default")
    elif decision.expressed is None and decision.source != "cell":
        decision.notes.append(
            f"nothing is known of how this model is switched to {state}, and the row names no switch: run as default"
        )
        decision.expressed = False if mode.thinks else None
    if decision.kind == "never" and mode is ReasoningMode.OFF:
        decision.notes.append("no reasoning mode exists; run as default")


def _thinks_by_default(kind: ThinkingKind) -> str:
    if kind == "always":
        return "the model always thinks: a row filed without reasoning reasons all the same"
    return "the model thinks by default: a row filed without reasoning reasons all the same"


def _said(kind: ThinkingKind) -> str:
    return {
        "switch": "that it has a switch",
        "always": "that it always thinks",
        "never": "that it never thinks",
        "unknown": "nothing",
    }[kind]


def _assigned(plan: PromptPlan) -> str:
    return ", ".join(f"{name}={value}" for name, value in plan.chat_template_kwargs.items())
