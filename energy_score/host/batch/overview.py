"""The progress of a batch from its status file and run directories, as text and as an object."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from energy_score.contract.errors import RecordError
from energy_score.contract.log_line import safe_line
from energy_score.contract.run_directory import RunState
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.units import watt_hours
from energy_score.host.batch.batch_status import BatchStatus, RunUnderWay
from energy_score.host.batch.live_status import FILE_NAME
from results_aggregator import ResultsAggregator

# A running batch writes every ten seconds; one that has not for this long hangs, or its disk does.
_STALE_S = 60.0


@dataclass(frozen=True)
class Overview:
    """The batch's last status (``status``), the number of run directories by state, and who works on which."""

    status: BatchStatus
    states: dict[str, int]
    owners: dict[str, RunOwner]
    now: datetime

    @classmethod
    def of(cls, output_directory: Path) -> Self:
        """Return the current overview of the batch in ``output_directory``.

        Raises:
            RecordError: The status file is missing or cannot be read.
        """
        status = BatchStatus.read(output_directory / FILE_NAME)
        states: Counter[str] = Counter()
        owners: dict[str, RunOwner] = {}
        for directory in ResultsAggregator(output_directory).directories():
            state = directory.state()
            states[state] += 1
            if state is RunState.RUNNING:
                with suppress(RecordError):
                    owner = directory.owner()
                    if owner is not None:
                        owners[directory.path.name] = owner
        return cls(status, dict(states), owners, datetime.now(UTC))

    @property
    def has_died(self) -> bool:
        """Return whether the batch certainly died without recording its end."""
        return self.status.has_died()

    @property
    def is_over(self) -> bool:
        """Return whether nothing will change any more."""
        return self.status.finished_at is not None or self.has_died

    @property
    def age_s(self) -> float:
        """Return the age of the status file's content in s."""
        return (self.now - self.status.updated_at).total_seconds()

    def as_object(self) -> dict[str, Any]:
        """Return everything as an object, for machines."""
        return {
            **self.status.model_dump(mode="json"),
            "state": self.state,
            "run_directories": self.states,
            "owners": {name: owner.model_dump(mode="json") for name, owner in self.owners.items()},
        }

    @property
    def state(self) -> str:
        """Return ``finished``, ``died``, ``silent`` (no update for too long) or ``running``."""
        if self.status.finished_at is not None:
            return "finished"
        if self.has_died:
            return "died"
        return "silent" if self.age_s > _STALE_S else "running"


def lines_of(overview: Overview, *, with_times: bool = True) -> Iterator[str]:
    """Yield the overview as text; without times, it changes only when something happened."""
    status = overview.status
    yield f"{_head(overview)}: {status.command}"
    figures = ", ".join(f"{count} {safe_line(outcome)}" for outcome, count in status.counts.items()) or "none ended"
    energy = "" if status.gpu_energy_wh is None else f"; {status.gpu_energy_wh:.4g} Wh GPU in finished runs"
    left = f"; about {_duration(status.eta_s)} left" if status.eta_s and not overview.is_over and with_times else ""
    yield f"{status.ended_count} of {status.run_count} runs ended: {figures}{energy}{left}"
    for run in status.under_way:
        what = "lost" if overview.has_died else "runs"
        where = _where(run, overview.owners.get(run.name))
        yield f"  {what}  {run.label}{where}{_progress(run, with_times=with_times)}"
    for name, owner in overview.owners.items():
        if name not in {run.name for run in status.under_way}:
            job = f", {owner.cluster_job}" if owner.cluster_job else ""
            # The status file can be a second older than the run directories.
            where = ": just started" if owner.process == status.process else f" elsewhere: {owner.process}{job}"
            yield f"  runs  {safe_line(name)}{where}"  # a directory can have any name
    for failure in status.recent_failures:
        yield f"  failed  {failure.label} at {failure.failed_at:%H:%M:%S}: {failure.message}"


def _head(overview: Overview) -> str:
    status = overview.status
    if status.finished_at is not None:
        # Ctrl-C and --fail-fast leave runs that were never started.
        word = "finished" if status.ended_count >= status.run_count else "stopped"
        return f"{word} {status.finished_at:%Y-%m-%d %H:%M:%S %Z}"
    if overview.has_died:
        return f"{status.process} died at about {status.updated_at:%Y-%m-%d %H:%M:%S %Z}. Run the batch again."
    if overview.state == "silent":
        return f"{status.process} has not reported for {_duration(overview.age_s)}"
    return f"{status.process} running since {status.started_at:%Y-%m-%d %H:%M:%S %Z}"


def _where(run: RunUnderWay, owner: RunOwner | None) -> str:
    gpus = f" on {', '.join(run.gpu_uuids)}" if run.gpu_uuids else ""
    again = f" (attempt {run.attempt})" if run.attempt > 1 else ""
    executor = f" [{owner.executor}{', ' + owner.cluster_job if owner.cluster_job else ''}]" if owner else ""
    return f"{executor}{gpus}{again}"


def _progress(run: RunUnderWay, *, with_times: bool) -> str:
    parts = [part for part in (run.stage, run.phase) if part]
    if with_times:
        if run.queries_done is not None:
            parts.append(f"{run.queries_done}/{run.queries_planned} queries")
        if run.gpu_power_w is not None:
            parts.append(f"{run.gpu_power_w:.0f} W")
        for energy_j, domain in ((run.gpu_energy_j, "GPU"), (run.cpu_energy_j, "CPU")):
            if energy_j is not None:
                parts.append(f"{watt_hours(energy_j):.4g} Wh {domain}")
                break
        if run.eta_s is not None:
            parts.append(f"about {_duration(run.eta_s)} left")
    return f": {', '.join(parts)}" if parts else ""


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
