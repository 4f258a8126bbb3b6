"""Gemma 3: no reasoning mode, though a circulating sheet marks rows On."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import DEFAULT_PLAN, Family, named

_LEVELS = (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)
_NOTE = "Gemma 3: no reasoning mode exists; run as default"

# Source: the models' own chat template has no switch. The October 2025 sheet marks the -it models On: those rows are
# run as default and say so, with the token budget of the mode they are filed under.
FAMILY = Family(
    name="Gemma-3",
    pattern=named("gemma-3-"),
    plans=dict.fromkeys((ReasoningMode.NOT_APPLICABLE, ReasoningMode.ON, ReasoningMode.OFF), DEFAULT_PLAN),
    refusals=dict.fromkeys(_LEVELS, "no reasoning mode exists"),
    notes={ReasoningMode.ON: _NOTE, ReasoningMode.OFF: _NOTE},
)
