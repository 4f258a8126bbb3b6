"""SmolLM3: thinking unless told not to."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the model's own chat template: `enable_thinking` (default true); /think and /no_think in the system prompt
# say the same.
FAMILY = Family(
    name="SmolLM3",
    pattern=named("smollm3"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
    notes={
        ReasoningMode.NOT_APPLICABLE: "SmolLM3 thinks by default: a row filed without reasoning reasons all the same"
    },
)
