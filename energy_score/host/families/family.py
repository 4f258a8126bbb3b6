"""What every model family states about itself: how each reasoning mode is asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import PromptPlan


@dataclass(frozen=True)
class Family:
    """How the models whose id matches ``pattern`` are switched.

    ``plans`` holds the prompt plan of each mode the family can express; ``refusals`` says why another cannot be.
    ``switches`` are the names of the chat-template variables that carry the mode, so that a sheet's cell can be
    checked against the state. ``notes`` are told in the result row of a mode (a default that thinks, say).
    ``cell_may_be_inverted``: a circulating sheet has this family's switch the wrong way round, so a contradiction
    between cell and state is resolved in favour of the state without a warning.
    """

    name: str
    pattern: re.Pattern[str]
    plans: Mapping[ReasoningMode, PromptPlan]
    refusals: Mapping[ReasoningMode, str]
    switches: frozenset[str] = frozenset()
    notes: Mapping[ReasoningMode, str] = field(default_factory=dict)
    cell_may_be_inverted: bool = False

    @property
    def speaks_harmony(self) -> bool:
        """Whether prompts are rendered in the Harmony format where the tokenizer has no chat template."""
        return self.plans[ReasoningMode.NOT_APPLICABLE].template_fallback == "harmony"


DEFAULT_PLAN = PromptPlan()

NO_LEVELS: Mapping[ReasoningMode, str] = dict.fromkeys(
    (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH), "it has no effort levels"
)


def named(expression: str) -> re.Pattern[str]:
    """A pattern for model names that begin with ``expression``; names are compared in lower case.

    Anchored at the start, so that ``phi`` never matches ``dolphin``, nor ``mistral`` a blend that mentions it. The
    registry joins the patterns into one, so ``expression`` has no capturing group.
    """
    return re.compile(rf"(?:{expression})")


def switched_by(variable: str) -> dict[ReasoningMode, PromptPlan]:
    """The plans of a family whose chat template reads the true/false ``variable``; not applicable sends nothing."""
    return {
        ReasoningMode.NOT_APPLICABLE: DEFAULT_PLAN,
        ReasoningMode.ON: PromptPlan(chat_template_kwargs={variable: True}),
        ReasoningMode.OFF: PromptPlan(chat_template_kwargs={variable: False}),
    }


def always_thinking(name: str, pattern: re.Pattern[str], *, on: PromptPlan = DEFAULT_PLAN) -> Family:
    """A family that reasons whatever it is told: Off is refused, and a row without a mode says that it thinks."""
    return Family(
        name=name,
        pattern=pattern,
        plans={ReasoningMode.NOT_APPLICABLE: DEFAULT_PLAN, ReasoningMode.ON: on},
        refusals={ReasoningMode.OFF: "it always thinks", **NO_LEVELS},
        notes={
            ReasoningMode.NOT_APPLICABLE: f"{name} always thinks: a row filed without reasoning reasons all the same"
        },
    )


def never_thinking(name: str, pattern: re.Pattern[str]) -> Family:
    """A family without a reasoning mode: On is refused, Off runs the default and says so."""
    none_exists = "no reasoning mode exists"
    return Family(
        name=name,
        pattern=pattern,
        plans={ReasoningMode.NOT_APPLICABLE: DEFAULT_PLAN, ReasoningMode.OFF: DEFAULT_PLAN},
        refusals=dict.fromkeys((ReasoningMode.ON, *NO_LEVELS), none_exists),
        notes={ReasoningMode.OFF: f"{name}: {none_exists}; run as default"},
    )
