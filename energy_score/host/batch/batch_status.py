"""What a batch is doing: ``batch_status.json`` in its output directory, written anew while it runs."""

from typing import Literal, Self

from pydantic import Field

from energy_score.contract.record import Moment, Record, SafeLine
from energy_score.contract.run_owner import Owner


class RunUnderWay(Record):
    """A run as its engine last told of it; None is what it has not told.

    ``name`` is that of its run directory and ``gpu_uuids`` are the GPUs leased for it. ``gpu_energy_j`` and
    ``cpu_energy_j`` are those of all windows so far, and ``gpu_power_w`` is the last sample. ``eta_s`` is the rest of
    the measured queries at the pace so far.
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
    """The state of a batch at ``updated_at``: at most a second old while anything changes, ten where nothing does.

    ``counts`` says how the runs that ended did so. ``gpu_energy_wh`` is that of all runs which this batch finished, as
    in the results table. ``eta_s`` is the rest of the batch at the pace of its finished runs, None before the first.
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
        """How many runs have ended, in whatever way."""
        return sum(self.counts.values())

    def has_died(self: Self) -> bool:
        """Whether the batch ended without saying so, as far as this process can tell."""
        return self.finished_at is None and self.process.is_dead(seen_by=Owner.current())
