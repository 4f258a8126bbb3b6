"""Every model without a family of its own: the sheet's key=value pairs are the switch."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.host.families.family import DEFAULT_PLAN, Family, named

# The sheet's own word, which repeats the state; no chat template reads it, so it is never transmitted.
STATE_KEY = "reasoning"
# Variables by which chat templates are known to switch reasoning, and that word.
KNOWN_SWITCHES = frozenset({STATE_KEY, "enable_thinking", "thinking", "reasoning_effort"})

FAMILY = Family(
    name="other",
    pattern=named(""),
    plans=dict.fromkeys(ReasoningMode, DEFAULT_PLAN),
    refusals={},
    switches=KNOWN_SWITCHES,
)
