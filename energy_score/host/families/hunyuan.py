"""Hunyuan: thinking unless told not to, by template variable or by a word before the prompt."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: Tencent's model cards: `enable_thinking` (default true), or /think and /no_think before the prompt, which a
# sheet's cell may add. The 1.8B model's template itself: (nv).
FAMILY = Family(
    name="Hunyuan",
    pattern=named("hunyuan-"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
    notes={
        ReasoningMode.NOT_APPLICABLE: "Hunyuan thinks by default: a row filed without reasoning reasons all the same"
    },
)
