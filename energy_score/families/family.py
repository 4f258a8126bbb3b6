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
