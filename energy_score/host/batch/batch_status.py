"""The progress of a batch: ``batch_status.json`` in its output directory, updated while it runs."""

from typing import Literal, Self

from pydantic import Field

from energy_score.contract.record import Moment, Record, SafeLine
from energy_score.contract.run_owner import Owner


class RunUnderWay(Record):
    """A run as last reported by its engine; None for what it has not reported.

    ``name`` is the name of its run directory, and ``gpu_uuids`` are its leased GPUs. ``gpu_energy_j`` and
    ``cpu_energy_j`` cover all windows so far, and ``gpu_power_w`` is the last sample. ``eta_s`` is the time for the
    remaining measured queries at the current rate.
    """

    name: SafeLine
    label: SafeLine
    started_at: Moment
    attempt: int = 1
    gpu_uuids: tuple[str, ...] | None = None
    stage: SafeLine | None = None
    phase: SafeLine | None = None
    queries_done: int | None = None
    queries_planned: int | None = None
    gpu_energy_j: float | None = None
    cpu_energy_j: float | None = None
    gpu_power_w: float | None = None
    eta_s: float | None = None


class RecentFailure(Record):
    """A run that failed or was refused in this batch."""

    name: SafeLine
    label: SafeLine
    failed_at: Moment
    message: SafeLine


class BatchStatus(Record):
    """The state of a batch at ``updated_at``: at most one second old during changes, ten seconds otherwise.

    ``counts`` is the number of ended runs by outcome. ``gpu_energy_wh`` is the total of all runs finished by this
    batch, as in the results table. ``eta_s`` is the remaining time at the rate of the finished runs, None before the
    first.
    """

    schema_version: Literal[1] = 1
    process: Owner
    command: SafeLine
    started_at: Moment
    updated_at: Moment
    finished_at: Moment | None = None
    headline: SafeLine = ""
    run_count: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    under_way: tuple[RunUnderWay, ...] = ()
    recent_failures: tuple[RecentFailure, ...] = ()
    gpu_energy_wh: float | None = None
    eta_s: float | None = None

    @property
    def ended_count(self) -> int:
        """Return how many runs have ended, with any outcome."""
        return sum(self.counts.values())

    def has_died(self: Self) -> bool:
        """Return whether the batch died without recording its end, as far as this process can tell."""
        return self.finished_at is None and self.process.is_dead(seen_by=Owner.current())
