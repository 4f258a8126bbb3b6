"""Qwen3 hybrid models (0.6B to 235B-A22B): thinking unless told not to."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the models' own chat template: `enable_thinking` (default true); false writes an empty think block.
FAMILY = Family(
    name="Qwen3",
    pattern=named("qwen3-"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
    notes={ReasoningMode.NOT_APPLICABLE: "Qwen3 thinks by default: a row filed without reasoning reasons all the same"},
)
