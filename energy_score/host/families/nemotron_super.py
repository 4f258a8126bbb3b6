"""Llama Nemotron Super v1.5: thinking unless the system prompt forbids it."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import PromptPlan
from energy_score.host.families.family import DEFAULT_PLAN, NO_LEVELS, Family, named

# Source: the model's own chat template: it looks for /no_think in the system prompt and overwrites enable_thinking
# with what it found, so a template variable would have no effect.
FAMILY = Family(
    name="Nemotron-Super-v1.5",
    pattern=named(r"(?:llama-3[._]3-)?nemotron-super-.*v1[._]5"),
    plans={
        ReasoningMode.NOT_APPLICABLE: DEFAULT_PLAN,
        ReasoningMode.ON: DEFAULT_PLAN,
        ReasoningMode.OFF: PromptPlan(system_prompt="/no_think"),
    },
    refusals=NO_LEVELS,
    notes={
        ReasoningMode.NOT_APPLICABLE: (
            "Nemotron-Super-v1.5 thinks by default: a row filed without reasoning reasons all the same"
        )
    },
)
