"""gpt-oss: three efforts in the Harmony format, and no way to turn them off."""

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import PromptPlan
from energy_score.host.families.family import Family, named

_SWITCH = "reasoning_effort"
_LEVELS = (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)
_DEFAULT = PromptPlan(template_fallback="harmony")

# Source: the models' own chat template, which reads reasoning_effort and falls back to medium.
FAMILY = Family(
    name="gpt-oss",
    pattern=named("gpt-oss"),
    plans={
        ReasoningMode.NOT_APPLICABLE: _DEFAULT,
        ReasoningMode.ON: _DEFAULT,
        **{
            level: PromptPlan(chat_template_kwargs={_SWITCH: level.value}, template_fallback="harmony")
            for level in _LEVELS
        },
    },
    refusals={ReasoningMode.OFF: "its chat template has no off"},
    switches=frozenset({_SWITCH}),
    notes={
        ReasoningMode.NOT_APPLICABLE: "gpt-oss reasons at its template's default effort, medium: it has no off",
        ReasoningMode.ON: "no effort is named: gpt-oss reasons at its template's default, medium",
    },
)
