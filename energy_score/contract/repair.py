"""A transient fault that cost a reading or a window, and not the run."""

from typing import Literal

from pydantic import Field

from energy_score.contract.record import Moment, Record, SafeLine


class Repair(Record):
    """One kind of fault that was repaired ``count`` times, the first time at ``first_at``.

    A ``reading`` was asked for again until it answered; a ``window`` was measured again. ``subject`` says which one,
    and ``cause`` why: NVML's message, or the code of the window's defect.
    """

    kind: Literal["reading", "window"]
    subject: SafeLine
    cause: SafeLine
    count: int = Field(ge=1)
    first_at: Moment


class RepairLog:
    """The repairs of a run so far; equal ones are counted together."""

    def __init__(self) -> None:
        self._repairs: dict[tuple[str, str, str], Repair] = {}

    def add(self, repair: Repair) -> None:
        """Count ``repair`` in."""
        key = (repair.kind, repair.subject, repair.cause)
        known = self._repairs.get(key)
        if known is not None:
            repair = known.model_copy(update={"count": known.count + repair.count})
        self._repairs[key] = repair

    def all(self) -> tuple[Repair, ...]:
        """Return every repair, in the order of their first times."""
        return tuple(sorted(self._repairs.values(), key=lambda repair: repair.first_at))
