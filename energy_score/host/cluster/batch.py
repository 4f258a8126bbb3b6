"""The common parts of a batch on any cluster: what is pending, what has ended, and the table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from energy_score.contract.choices import ClusterEngine
from energy_score.contract.errors import ExitCode, RecordError
from energy_score.contract.run_failure import Cause, Stage
from energy_score.host.batch.choice import Chooser
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.live_status import LiveStatus
from energy_score.host.batch.plan import PlannedRun, RefusedRun, ResolvedRun
from energy_score.host.batch.progress import open_progress
from energy_score.host.batch.publishing import TablePublisher
from energy_score.host.batch.summary import OUTCOMES, get_exit_code
from energy_score.host.cluster.gpu_count import gpu_count
from energy_score.host.cluster.task_list import ARRAY_MAX, ClusterTask, NodeSettings, TaskList
from results_aggregator import ResultsAggregator

# The minimum time between updates of the table: runs end on other machines, many at a time.
_PUBLISH_PERIOD_S = 5.0


@dataclass
class ClusterBatch:
    """The runs of one output directory on a cluster; ``counts`` are the ended runs by outcome."""

    ledger: Ledger
    aggregator: ResultsAggregator
    live: LiveStatus
    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))

    @cached_property
    def publisher(self) -> TablePublisher:
        """Return the writer of the results table."""
        return TablePublisher(self.ledger, self.aggregator, self.live.note, least_pause_s=_PUBLISH_PERIOD_S)

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code for the runs that have ended."""
        return get_exit_code(self.counts)

    def pending_runs(self, plan: Sequence[PlannedRun], chooser: Chooser, *, engine: ClusterEngine) -> list[ResolvedRun]:
        """Return the runs of ``plan`` that still need to run; record the outcome of all others.

        None of them is known to ``engine``: if one of its jobs started a run, that job is gone, and the run starts
        again.
        """
        left = []
        for planned in plan:
            if isinstance(planned, RefusedRun):
                self._keep(planned, partial(self.ledger.record_refusal, planned))
                self._finish(planned, "refused", planned.refusal)
                continue
            choice = chooser.of(planned)
            if choice.outcome is None or (choice.outcome == "elsewhere" and self._was_begun_by(engine, planned)):
                left.append(planned)
            else:
                self._finish(planned, choice.outcome, choice.detail)
        return left

    def order(
        self, runs: Sequence[ResolvedRun], *, engine: ClusterEngine, node: NodeSettings, node_gpus: int | None
    ) -> Iterator[TaskList]:
        """Write the run specs into their run directories and yield them as lists, those with most GPUs first.

        Each list is saved before its run specs are written, and yielded when it can be submitted. Every one of
        ``runs`` has a number of GPUs, if necessary from ``node_gpus``.
        """
        by_gpus: dict[int, list[ResolvedRun]] = {}
        for planned in runs:
            by_gpus.setdefault(gpu_count(planned.spec, node_gpus), []).append(planned)
        for count in sorted(by_gpus, reverse=True):
            for first in range(0, len(by_gpus[count]), ARRAY_MAX):
                part = by_gpus[count][first : first + ARRAY_MAX]
                tasks = [ClusterTask(name=planned.name, run_id=planned.spec.run_id) for planned in part]
                listed = TaskList.of(
                    tasks, engine=engine, output_directory=self.ledger.output_directory, gpu_count=count, node=node
                )
                listed.save()
                for planned in part:
                    self.ledger.start(planned)
                yield listed

    def ended(self, planned: ResolvedRun) -> None:
        """Count a run by the content of its directory, and report it."""
        row = self.aggregator.row_of(self.ledger.directory(planned.name).path)
        done = self.ledger.is_done(planned.name, planned.spec)
        self.counts["done" if done else "failed"] += 1
        self.live.run_finished(planned, outcome="done" if done else "failed", row=row, detail=row.error_message or "")

    def record_no_result(
        self, planned: ResolvedRun, message: str, *, stage: Stage = "unknown", cause: Cause = "killed"
    ) -> None:
        """Record that a run has no result, count it and report it."""
        self._keep(planned, partial(self.ledger.record_failure, planned, stage=stage, message=message, cause=cause))
        self.ended(planned)

    def report_start(self, planned: ResolvedRun) -> None:
        """Report that a run has started, and on which GPUs."""
        with suppress(RecordError):
            owner = self.ledger.directory(planned.name).owner()
            if owner is not None:
                self.live.run_started(planned, gpu_uuids=owner.gpu_uuids, number=owner.attempt)
                return
        self.live.run_started(planned)

    def _finish(self, planned: PlannedRun, outcome: str, detail: str) -> None:
        self.counts[outcome] += 1
        self.live.run_finished(planned, outcome=outcome, row=None, detail=detail)

    def _keep(self, planned: PlannedRun, record: partial[None]) -> None:
        try:
            self.ledger.with_reserve(record)
        except OSError as error:
            self.live.note(f"{planned.label}: could not record how it ended: {error.strerror}")

    def _was_begun_by(self, engine: ClusterEngine, planned: PlannedRun) -> bool:
        owner = self.ledger.is_elsewhere(planned.name)
        return owner is not None and (owner.cluster_job or "").startswith(f"{engine}:")


def open_cluster_batch(output_directory: Path, *, as_json: bool) -> ClusterBatch:
    """Return the batch of an output directory, without creating or locking it."""
    return ClusterBatch(
        ledger=Ledger(output_directory),
        aggregator=ResultsAggregator(output_directory),
        live=LiveStatus(open_progress(as_json=as_json), output_directory, jobs=1),
    )
