"""One row of the sheet as a typed value."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from energy_score.contract.record import Record

ModelClass = Literal["A", "B", "C"]
ParameterValue = bool | int | float | str


class ReasoningMode(StrEnum):
    """The reasoning mode that a result is recorded for."""

    NOT_APPLICABLE = "not_applicable"
    OFF = "off"
    ON = "on"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def thinks(self) -> bool:
        """Return whether the mode asks the model to reason before it answers."""
        return self not in (ReasoningMode.NOT_APPLICABLE, ReasoningMode.OFF)


# All spellings of "Reasoning State", as written in the sheet. Source: the October 2025 sheet.
SHEET_STATES: dict[str, ReasoningMode] = {
    "On": ReasoningMode.ON,
    "On (Low)": ReasoningMode.LOW,
    "On (Medium)": ReasoningMode.MEDIUM,
    "On (High)": ReasoningMode.HIGH,
    "Off": ReasoningMode.OFF,
    "Off (N/A)": ReasoningMode.NOT_APPLICABLE,
    "N/A": ReasoningMode.NOT_APPLICABLE,
    "": ReasoningMode.NOT_APPLICABLE,
}


def is_local_model(model_id: str) -> bool:
    """Return whether ``model_id`` is a folder (starts with ``./``, ``../``, ``/`` or ``~``) and not a Hub id."""
    return model_id.startswith((".", "/", "~"))


class ModelConfig(Record):
    """A row of the sheet.

    ``model_id`` is a Hub id (``org/name``) or a local folder, written with a leading ``./``, ``../``, ``/`` or ``~``
    and relative to the spreadsheet. ``reasoning_state`` and ``chat_template`` are the cells as written;
    ``reasoning_mode`` is the state parsed; ``reasoning_params``, ``prompt_prefix``, ``prompt_suffix`` and
    ``system_text`` are what the ``Chat Template`` cell says. ``thinking_budget`` is the number of thinking tokens
    that the state names (``On (budget 4096)``). ``use_harmony`` is true for the family that speaks the Harmony
    format. ``line_number`` counts the sheet's lines from 1; 0 if the config is not from a sheet.
    """

    model_id: str
    priority: int | None
    model_class: ModelClass | None
    task: str
    reasoning_state: str
    reasoning_mode: ReasoningMode
    chat_template: str = ""
    reasoning_params: dict[str, ParameterValue] = Field(default_factory=dict)
    use_harmony: bool = False
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    system_text: str = ""
    thinking_budget: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    line_number: int

    @property
    def is_local(self) -> bool:
        """Return whether the model is a folder on this machine and not a Hub id."""
        return is_local_model(self.model_id)
