"""GLM-4.5 and 4.6: thinking unless told not to."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import NO_LEVELS, Family, named, switched_by

# Source: the models' own chat template: `enable_thinking` false writes an empty think block; the default thinks.
FAMILY = Family(
    name="GLM-4.5/4.6",
    pattern=named(r"glm-4[._][56](?!\d)"),
    plans=switched_by("enable_thinking"),
    refusals=NO_LEVELS,
    switches=frozenset({"enable_thinking"}),
    notes={ReasoningMode.NOT_APPLICABLE: "GLM thinks by default: a row filed without reasoning reasons all the same"},
)
