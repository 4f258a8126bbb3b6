"""Short ways to write the entry of a model family, for packages that add one."""

import re

from energy_score.contract.model_config import ParameterValue, ReasoningMode
from energy_score.contract.prompt_plan import Family, PromptPlan

__all__ = ["DEFAULT_PLAN", "Family", "always_thinking", "named", "never_thinking", "switched_by"]

DEFAULT_PLAN = PromptPlan()


def named(expression: str) -> str:
    """Return the pattern for model names that begin with ``expression``; names are compared in lower case.

    Anchored at the start, so that ``phi`` never matches ``dolphin``, nor ``mistral`` a blend that mentions it. The
    registry joins the patterns into one, so ``expression`` has no capturing group.

    Raises:
        ValueError: It has a capturing group, or is not a regular expression.
    """
    pattern = f"(?:{expression})"
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{expression!r}: {error}") from error
    if groups:
        raise ValueError(f"{expression!r} has a capturing group; write (?:...) instead")
    return pattern


def switched_by(variable: str) -> dict[ReasoningMode, PromptPlan]:
    """Return the plans of a family whose chat template reads the true/false ``variable``."""
    values: dict[ReasoningMode, ParameterValue] = {ReasoningMode.ON: True, ReasoningMode.OFF: False}
    return {mode: PromptPlan(chat_template_kwargs={variable: value}) for mode, value in values.items()}


def always_thinking(name: str, pattern: str, *, on: PromptPlan = DEFAULT_PLAN) -> Family:
    """Return a family that reasons whatever it is told."""
    return Family(name=name, pattern=pattern, kind="always", default="on", plans={ReasoningMode.ON: on})


def never_thinking(name: str, pattern: str) -> Family:
    """Return a family without a reasoning mode."""
    return Family(name=name, pattern=pattern, kind="never", default="off", plans={ReasoningMode.OFF: DEFAULT_PLAN})
