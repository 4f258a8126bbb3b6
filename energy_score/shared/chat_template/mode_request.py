"""What is asked of a model, the words it is asked in, and what is decided."""

from dataclasses import dataclass, field

from energy_score.contract.model_config import ParameterValue, ReasoningMode
from energy_score.contract.prompt_plan import Family, PlanSource, PromptPlan, SheetCell, ThinkingKind

# The sheet's own word, which repeats the state; few chat templates read it as a variable.
STATE_KEY = "reasoning"
EFFORT_KEY = "reasoning_effort"
# Variables by which chat templates are known to switch reasoning, and that word.
KNOWN_SWITCHES = frozenset(
    {
        STATE_KEY,
        EFFORT_KEY,
        "enable_thinking",
        "thinking",
        "think",
        "thinking_mode",
        "thinking_budget",
        "enable_reasoning",
        "reasoning_mode",
        "low_effort",
        "medium_effort",
        "thinking_token_budget",
    }
)
LEVELS = {mode.value: mode for mode in (ReasoningMode.LOW, ReasoningMode.MEDIUM, ReasoningMode.HIGH)}
OFF_WORDS = frozenset({"off", "none", "disabled", "no", "false", "no_think", "nothink", "never"})
BUDGET_KEYS = frozenset({"thinking_budget", "thinking_token_budget"})


@dataclass(frozen=True)
class ModeRequest:
    """What is asked of a model: the row's mode and cell, and what is known of its family."""

    model_id: str
    mode: ReasoningMode
    state: str
    cell: SheetCell
    family: Family | None


@dataclass
class Decision:
    """How the mode is sent. ``expressed`` is None if it is not known whether what is sent has an effect.

    ``notes`` are for the reader of the result; they name no model, so that equal ones can be told together.
    """

    plan: PromptPlan
    source: PlanSource
    kind: ThinkingKind
    expressed: bool | None
    notes: list[str] = field(default_factory=list)


def value_asks_to_think(value: ParameterValue) -> bool | None:
    """Return whether a switch's value asks for thoughts; None for a word that says neither."""
    if isinstance(value, int | float):  # a budget of -1 has no end
        return bool(value)
    word = value.strip().lower()
    if word in OFF_WORDS:
        return False
    return True if word in LEVELS or word in ("on", "true", "yes", "enabled", "max", "xhigh", "minimal") else None
