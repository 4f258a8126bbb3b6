"""Whether a result may be filed under its reasoning mode: the mode was sent, and seen in the answers."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.reasons import invalid
from energy_score.contract.run_report import VerdictReason
from energy_score.shared.analysis.rules.facts import Facts

# Source: METHOD.md, "Reasoning mode: asked, sent, seen": contradicted are On with under half of the answers thinking,
# and Off with over 5 %.
MIN_THINKING_WITH_ON = 0.5
MAX_THINKING_WITH_OFF = 0.05


def mode_is_not_expressed(facts: Facts) -> VerdictReason | None:
    """Invalid: nothing that could switch the model was sent, or what was sent changes nothing.

    Off of a model that always thinks is not such a case: its first tokens are its Off result. If it is not known how a
    model is switched, and its answers think, then it thinks without being switched.
    """
    prompt, mode = facts.prompt, facts.spec.reasoning
    if prompt is None or prompt.expressed is not False or mode is ReasoningMode.NOT_APPLICABLE:
        return None
    if not mode.thinks and prompt.kind == "always":
        return None
    if prompt.kind == "unknown" and mode is ReasoningMode.ON and _thinking_share(facts) >= MIN_THINKING_WITH_ON:
        return None
    return invalid(
        "mode_not_expressed",
        "the reasoning mode did not reach the model: "
        f"{'; '.join(prompt.notes) or 'nothing that could switch it was sent'}",
        observed=f"{facts.spec.reasoning_state or 'N/A'} not sent",
        threshold="a prompt that asks for the mode",
    )


def mode_is_contradicted(facts: Facts) -> VerdictReason | None:
    """Invalid: the answers are not of the mode that was sent; no finding if they were not checked."""
    prompt, mode, judged = facts.prompt, facts.spec.reasoning, facts.queries.judged
    if prompt is None or not judged or mode is ReasoningMode.NOT_APPLICABLE:
        return None
    share = _thinking_share(facts)
    if mode.thinks and prompt.kind != "never" and share < MIN_THINKING_WITH_ON:
        threshold = f">= {MIN_THINKING_WITH_ON:.0%} of the answers with thoughts"
    elif not mode.thinks and prompt.kind != "always" and share > MAX_THINKING_WITH_OFF:
        threshold = f"<= {MAX_THINKING_WITH_OFF:.0%} of the answers with thoughts"
    else:
        return None
    return invalid(
        "mode_contradicted",
        f"the answers contradict Reasoning State {facts.spec.reasoning_state!r}",
        observed=f"{share:.1%} of {judged} answers with thoughts",
        threshold=threshold,
    )


def prompt_was_raw(facts: Facts) -> VerdictReason | None:
    """Invalid: a model that is asked in turns was sent plain text."""
    if facts.prompt is None or facts.prompt.raw_reason is None:
        return None
    return invalid(
        "raw_prompt",
        f"queries were sent as plain text: {facts.prompt.raw_reason}",
        observed="plain text",
        threshold="the model's chat template",
    )


def _thinking_share(facts: Facts) -> float:
    judged, thinking = facts.queries.judged, facts.queries.thinking
    return (thinking or 0) / judged if judged else 0.0
