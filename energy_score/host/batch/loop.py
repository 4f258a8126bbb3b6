"""The batch loop: schedule pending runs, publish every result, and handle requests to stop."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from energy_score.contract.errors import ExitCode
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.choice import Choice
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.live_status import LiveStatus
from energy_score.host.batch.plan import PlannedRun, RefusedRun, ResolvedRun
from energy_score.host.batch.publishing import TablePublisher
from energy_score.host.batch.retry import attempt_with_retries
from energy_score.host.batch.schedule import Ended, Schedule
from energy_score.host.batch.stop_signals import StopSignals
from energy_score.host.batch.summary import OUTCOMES, get_exit_code
from energy_score.host.executors.executor import QUERY_GRACE_S
from energy_score.host.locks.gpu_leases import GpuLeases
from energy_score.reports.results_table.result_row import ResultRow
from results_aggregator import ResultsAggregator


@dataclass
class Batch:
    """One batch over an output directory; ``choices`` are by run name, ``counts`` are runs by outcome."""

    plan: Sequence[PlannedRun]
    attempt: Attempt
    aggregator: ResultsAggregator
    live: LiveStatus
    choices: Mapping[str, Choice]
    leases: GpuLeases | None = None
    jobs: int = 1
    retries: int = 0
    fail_fast: bool = False
    gpu_wait_s: float = 600.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    _stop: StopSignals = field(default_factory=StopSignals)
    _stops_heard: int = 0
    _asked_s: float = 0.0

    @property
    def ledger(self) -> Ledger:
        """Return the run directories of the batch."""
        return self.attempt.ledger

    def run(self) -> ExitCode:
        """Process every planned run once; each ends as a result, a recorded failure, or skipped.

        When asked to stop (Ctrl-C, SIGTERM), current runs finish their query and are recorded as interrupted.
        """
        publisher = TablePublisher(self.ledger, self.aggregator, self.live.note)
        with self._stop.counted():
            schedule = Schedule(
                pending=list(self._pending_runs()),
                execute=self._carry_out,
                leases=self.leases,
                jobs=self.jobs,
                gpu_wait_s=self.gpu_wait_s,
                note=self.live.note,
                watch=self._may_start,
            )
            for ended in schedule.ended():
                self._finish_run(ended)
                publisher.publish_if_due()
            publisher.publish()
        if self._stop.count:
            return ExitCode.INTERRUPTED
        if schedule.pending:
            self.live.note(f"--fail-fast: {len(schedule.pending)} runs were not started")
        return get_exit_code(self.counts)

    def _pending_runs(self) -> Iterator[ResolvedRun]:
        """Yield the runs that still need to run; record the outcome of all others."""
        for planned in self.plan:
            if isinstance(planned, RefusedRun):
                self.attempt.keep(planned, partial(self.ledger.record_refusal, planned))
                self._finish(planned, "refused", planned.refusal)
                continue
            choice = self.choices[planned.name]
            if choice.outcome is None:
                yield planned
            else:
                self._finish(planned, choice.outcome, choice.detail)

    def _carry_out(self, planned: ResolvedRun, gpu_uuids: tuple[str, ...] | None) -> None:
        attempt_with_retries(
            self.attempt, planned, gpu_uuids=gpu_uuids, retries=self.retries, may_go_on=lambda: not self._stop.count
        )

    def _may_start(self) -> bool:
        """Update the heartbeat, handle signals, and return whether more runs may start (several times a second)."""
        self.live.beat()
        executor, now_s = self.attempt.executor, time.monotonic()
        if self._stop.count > self._stops_heard:
            self._asked_s = self._asked_s or now_s
            self._stops_heard = self._stop.count
            executor.stop(at_once=self._stop.count > 1)
            if self._stop.count == 1:
                self.live.note(
                    f"Stopping after the current query (up to {QUERY_GRACE_S:.0f} s). Press Ctrl-C again to "
                    f"stop immediately."
                )
        elif self._stop.count == 1 and now_s - self._asked_s > QUERY_GRACE_S:
            executor.stop(at_once=True)
            self._asked_s = now_s
        return not self._stop.count and not (self.fail_fast and self.counts["failed"])

    def _finish_run(self, ended: Ended) -> None:
        planned = ended.planned
        if ended.refusal is not None:
            record = partial(self.ledger.record_unstarted, planned, message=ended.refusal)
            self.attempt.keep(planned, record)
        done = self.ledger.is_done(planned.name, planned.spec)
        row = self.aggregator.row_of(self.ledger.directory(planned.name).path)
        self._finish(planned, "done" if done else "failed", row.error_message or "", row)

    def _finish(self, planned: PlannedRun, outcome: str, detail: str, row: ResultRow | None = None) -> None:
        self.counts[outcome] += 1
        self.live.run_finished(planned, outcome=outcome, row=row, detail=detail)
