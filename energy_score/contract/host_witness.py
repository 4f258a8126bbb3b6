"""The host check: what the host measured on a run's GPUs, stored beside the report and compared with it."""

from typing import Literal

from pydantic import Field

from energy_score.contract.record import Moment, Record
from energy_score.contract.run_report import EnergySource


class HostWitness(Record):
    """The host's own readings around one run, from before the engine's process starts until after it ends.

    ``energy_j`` is the energy of each leased GPU during that time, by UUID; empty with ``source`` None if the host
    could not read a counter. ``foreign_process_ids`` are compute processes on those GPUs that do not belong to the run;
    a container sees only its own. ``processes_watched`` is false if the host could not identify processes, because it
    is in a container itself. ``faults`` says for each GPU why the host has no figure.
    """

    schema_version: Literal[1] = 1
    run_id: str
    started_at: Moment
    finished_at: Moment
    source: EnergySource | None
    energy_j: dict[str, float]
    foreign_process_ids: tuple[int, ...] = ()
    processes_watched: bool = True
    faults: dict[str, str] = Field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Return the time between the host's two readings, in s."""
        return (self.finished_at - self.started_at).total_seconds()
