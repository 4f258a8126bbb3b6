"""The host check: what the host measured on a run's GPUs, stored beside the report and compared with it."""

from typing import Literal

from pydantic import Field

from energy_score.contract.record import Moment, Record
from energy_score.contract.repair import Repair
from energy_score.contract.run_report import EnergySource


class ForeignSighting(Record):
    """A compute process that is none of the run's, seen on its GPUs from ``first_s`` to ``last_s``.

    Times are those of the machine's monotonic clock. ``last_s`` is that of the first look which missed it, or of the
    last look.
    """

    process_id: int
    first_s: float
    last_s: float


class HostWitness(Record):
    """The host's own readings around one run, from before the engine's process starts until after it ends.

    ``energy_j`` is what each leased GPU used in all that time, by UUID; empty with ``source`` None if the host could
    not read a counter. ``foreign_process_ids`` are compute processes on those GPUs that were none of the run's: a
    container sees only its own. ``processes_watched`` is false where the host could not tell them either, being in a
    container itself. ``foreign_sightings`` say when they were seen. ``faults`` says of a GPU why the host has no figure
    for it, and ``repairs`` are the readings that succeeded only when they were repeated.
    """

    schema_version: Literal[1] = 1
    run_id: str
    started_at: Moment
    finished_at: Moment
    source: EnergySource | None
    energy_j: dict[str, float]
    foreign_process_ids: tuple[int, ...] = ()
    foreign_sightings: tuple[ForeignSighting, ...] = ()
    processes_watched: bool = True
    faults: dict[str, str] = Field(default_factory=dict)
    repairs: tuple[Repair, ...] = ()

    @property
    def duration_s(self) -> float:
        """Return the time between the host's two readings, in s."""
        return (self.finished_at - self.started_at).total_seconds()
