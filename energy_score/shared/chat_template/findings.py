"""What an inspection of a chat template found, as a value that crosses processes and enters records."""

from typing import Literal

from pydantic import Field

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan, ThinkingKind
from energy_score.contract.record import Record


class TemplateFindings(Record):
    """What a chat template showed when it was rendered in every way that is known to switch reasoning.

    ``fault`` is the reason why it cannot be rendered at all. ``changes`` has what is sent for each mode that the
    template can express; ``default`` is the mode that a prompt without any change is in, None if that is not shown.
    ``endings`` and ``digests`` are the last characters and the SHA-256 of each mode's rendering of one fixed question.
    ``in_parts``: contents must be lists of parts. ``handles_thoughts``: it treats thoughts of earlier answers, or the
    prompt speaks of them. ``date_formats`` are those in which it prints today's date, in any of the renderings.
    ``variables`` are the names that it reads.
    """

    fault: str | None = None
    kind: ThinkingKind = "unknown"
    changes: dict[ReasoningMode, PromptPlan] = Field(default_factory=dict)
    default: Literal["on", "off"] | None = None
    budget_variable: str | None = None
    evidence: str = ""
    handles_thoughts: bool = False
    in_parts: bool = False
    prints_date: bool = False
    date_formats: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    endings: dict[ReasoningMode, str] = Field(default_factory=dict)
    digests: dict[ReasoningMode, str] = Field(default_factory=dict)
