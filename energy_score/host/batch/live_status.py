"""The batch as seen by other terminals and a watchdog: ``batch_status.json``, updated with every event."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typing_extensions import override

from energy_score.contract.lock_holder import LockHolder
from energy_score.contract.record import write_atomically
from energy_score.host.batch.batch_status import BatchStatus, RecentFailure, RunUnderWay
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.host.batch.progress import Progress
from energy_score.reports.results_table.result_row import ResultRow

FILE_NAME = "batch_status.json"
_AT_MOST_EVERY_S = 1.0
_AT_LEAST_EVERY_S = 10.0
_RECENT = 5
_TOLD = ("phase", "queries_done", "queries_planned", "gpu_energy_j", "cpu_energy_j", "gpu_power_w")


class LiveStatus(Progress):
    """A progress view that writes all events to ``directory`` and passes them on to ``shown``.

    ``beat`` writes the file, called from the batch's main loop: an old file means that the loop hangs.
    """

    def __init__(self, shown: Progress, directory: Path, *, jobs: int) -> None:
        self._shown = shown
        self._path = directory / FILE_NAME
        self._jobs = jobs
        self._lock = threading.Lock()
        this = LockHolder.this_process()
        self._status = BatchStatus(
            process=this.process, command=this.command, started_at=this.since, updated_at=this.since
        )
        self._runs: dict[str, RunUnderWay] = {}
        self._since_s: dict[str, float] = {}
        self._failures: deque[RecentFailure] = deque(maxlen=_RECENT)
        self._counts: dict[str, int] = {}
        self._energy_wh: float | None = None
        self._durations_s: list[float] = []
        self._changed = True
        self._written_s = float("-inf")

    @override
    def batch_started(self, *, run_count: int, headline: str) -> None:
        self._status = self._status.model_copy(update={"run_count": run_count, "headline": headline})
        self._shown.batch_started(run_count=run_count, headline=headline)
        self.beat()

    @override
    def note(self, message: str) -> None:
        self._shown.note(message)

    @override
    def run_started(self, planned: ResolvedRun, *, gpu_uuids: tuple[str, ...] | None = None, number: int = 1) -> None:
        run = RunUnderWay(
            name=planned.name, label=planned.label, started_at=datetime.now(UTC), attempt=number, gpu_uuids=gpu_uuids
        )
        with self._lock:
            self._runs[planned.name], self._since_s[planned.name] = run, time.monotonic()
            self._changed = True
        self._shown.run_started(planned, gpu_uuids=gpu_uuids, number=number)

    @override
    def engine_event(self, planned: ResolvedRun, event: Mapping[str, Any]) -> None:
        with self._lock:
            if planned.name in self._runs:
                self._runs[planned.name] = self._runs[planned.name].model_copy(update=self._told(planned.name, event))
                self._changed = True
        self._shown.engine_event(planned, event)

    @override
    def run_finished(self, planned: PlannedRun, *, outcome: str, row: ResultRow | None, detail: str) -> None:
        with self._lock:
            self._runs.pop(planned.name, None)
            since_s = self._since_s.pop(planned.name, None)
            if since_s is not None:
                self._durations_s.append(time.monotonic() - since_s)
            self._counts[outcome] = self._counts.get(outcome, 0) + 1
            if outcome in ("failed", "refused"):
                now = datetime.now(UTC)
                self._failures.append(
                    RecentFailure(name=planned.name, label=planned.label, failed_at=now, message=detail)
                )
            if outcome == "done" and row is not None and row.gpu_energy_wh is not None:
                self._energy_wh = (self._energy_wh or 0.0) + row.gpu_energy_wh
            self._changed = True
        self._shown.run_finished(planned, outcome=outcome, row=row, detail=detail)

    @override
    def batch_finished(self, summary: str) -> None:
        self._status = self._status.model_copy(update={"finished_at": datetime.now(UTC)})
        self._changed = True
        self._written_s = float("-inf")
        self.beat()
        self._shown.batch_finished(summary)

    def beat(self) -> None:
        """Write the file if it is due; if the disk cannot be written, the batch continues without it."""
        age_s = time.monotonic() - self._written_s
        if age_s < (_AT_MOST_EVERY_S if self._changed else _AT_LEAST_EVERY_S):
            return
        with self._lock:
            self._changed = False
            status = self._status.model_copy(
                update={
                    "updated_at": datetime.now(UTC),
                    "counts": dict(self._counts),
                    "under_way": tuple(self._runs.values()),
                    "recent_failures": tuple(self._failures),
                    "gpu_energy_wh": self._energy_wh,
                    "eta_s": self._eta_s(),
                }
            )
        self._written_s = time.monotonic()
        try:
            write_atomically(self._path, status.model_dump_json(indent=1) + "\n", durable=False)
        except OSError:
            return

    def _told(self, name: str, event: Mapping[str, Any]) -> dict[str, object]:
        if event["event"] == "stage":
            return {"stage": str(event.get("stage"))}
        if event["event"] != "progress":
            return {}
        told = {key: event.get(key) for key in _TOLD}
        done, planned = event.get("queries_done"), event.get("queries_planned")
        if not done or not planned:
            return told
        elapsed_s = time.monotonic() - self._since_s[name]
        return told | {"eta_s": elapsed_s * max(0, planned - done) / done}

    def _eta_s(self) -> float | None:
        if not self._durations_s:
            return None
        left = self._status.run_count - sum(self._counts.values())
        # On a cluster the number of parallel runs is unknown: assume as many as now.
        return _mean(self._durations_s) * max(0, left) / max(self._jobs, len(self._runs))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
