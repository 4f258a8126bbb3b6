"""A batch on a cluster, as far as the engines are alike: what is to do, what has ended, and the table."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from energy_score.batch.ledger import Ledger
from energy_score.batch.plan import PlannedRun
from energy_score.batch.progress import Progress
from energy_score.cluster.task_list import ARRAY_MAX, ClusterTask, Engine, NodeSettings, TaskList
from energy_score.contract.errors import ExitCode, RowRefusedError
from energy_score.contract.run_failure import Stage
from energy_score.contract.run_spec import RunSpec

if TYPE_CHECKING:
    from results_aggregator import ResultsAggregator

# The table is rewritten at most so often, and for at most this share of the time.
_PUBLISH_PERIOD_S = 5.0
_PUBLISH_SHARE = 0.05


@dataclass
class ClusterBatch:
    """The runs of one output directory that a cluster carries out; ``counts`` says how they ended."""

    ledger: Ledger
    aggregator: "ResultsAggregator"
    progress: Progress
    counts: Counter[str] = field(default_factory=lambda: Counter(done=0, skipped=0, failed=0, refused=0))
    _published_s: float = -_PUBLISH_PERIOD_S
    _publish_cost_s: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """What the runs that have ended say."""
        return ExitCode.SOME_RUNS_FAILED if self.counts["failed"] or self.counts["refused"] else ExitCode.OK

    def to_do(self, plan: Sequence[PlannedRun]) -> list[PlannedRun]:
        """The runs of ``plan`` that are not done; the refusals among them are recorded."""
        left = []
        for planned in plan:
            if planned.spec is None:
                self._keep(planned, partial(self.ledger.record_refusal, planned))
                self._count(planned, "refused", planned.refusal or "")
            elif self.ledger.is_done(planned.name, planned.spec):
                self._count(planned, "skipped", "done already")
            else:
                left.append(planned)
        return left

    def order(self, runs: Sequence[PlannedRun], *, engine: Engine, node: NodeSettings) -> Iterator[TaskList]:
        """Write the orders into their run directories and give them in lists, those with most GPUs first.

        Each list is saved before its orders lie there, and given once it may be handed to the engine.
        """
        by_gpus: dict[int, list[PlannedRun]] = {}
        for planned in runs:
            by_gpus.setdefault(gpu_count(planned), []).append(planned)
        for count in sorted(by_gpus, reverse=True):
            for first in range(0, len(by_gpus[count]), ARRAY_MAX):
                part = by_gpus[count][first : first + ARRAY_MAX]
                tasks = [ClusterTask(name=planned.name, run_id=spec_of(planned).run_id) for planned in part]
                listed = TaskList.of(
                    tasks, engine=engine, output_directory=self.ledger.output_directory, gpu_count=count, node=node
                )
                listed.save()
                for planned in part:
                    self.ledger.start(planned, spec_of(planned))
                yield listed

    def ended(self, planned: PlannedRun) -> None:
        """Count a run by what lies in its directory, and tell."""
        row = self.aggregator.row_of(self.ledger.directory(planned.name).path)
        done = self.ledger.is_done(planned.name, spec_of(planned))
        self.counts["done" if done else "failed"] += 1
        self.progress.run_finished(
            planned.label, outcome="done" if done else "failed", row=row, detail=row.error_message or ""
        )

    def ended_without_result(self, planned: PlannedRun, message: str, *, stage: Stage = "unknown") -> None:
        """Record that nothing came of a run, count it and tell."""
        self._keep(planned, partial(self.ledger.record_failure, planned, stage=stage, message=message))
        self.ended(planned)

    def publish(self, *, at_once: bool = False) -> None:
        """Rewrite the results table from the run directories, if it is time to."""
        start_s = time.monotonic()
        pause_s = max(_PUBLISH_PERIOD_S, self._publish_cost_s / _PUBLISH_SHARE)
        if not at_once and start_s - self._published_s < pause_s:
            return
        try:
            self.ledger.with_reserve(self.aggregator.write_master_csv)
        except OSError as error:
            self.progress.note(f"master_results.csv could not be written ({error.strerror}); run 'aggregate' later")
        self._published_s = time.monotonic()
        self._publish_cost_s = self._published_s - start_s

    def _keep(self, planned: PlannedRun, record: partial[None]) -> None:
        try:
            self.ledger.with_reserve(record)
        except OSError as error:
            self.progress.note(f"{planned.label}: how it ended could not be recorded: {error.strerror}")

    def _count(self, planned: PlannedRun, outcome: str, detail: str) -> None:
        self.counts[outcome] += 1
        self.progress.run_finished(planned.label, outcome=outcome, row=None, detail=detail)


def spec_of(planned: PlannedRun) -> RunSpec:
    """The order of a run that was not refused."""
    if planned.spec is None:
        raise ValueError(f"{planned.label} was refused: {planned.refusal}")
    return planned.spec


def gpu_count(planned: PlannedRun) -> int:
    """How many GPUs the run is to be given.

    Raises:
        RowRefusedError: the order does not say.
    """
    count = spec_of(planned).gpu_requirement.count
    if count is None:
        raise RowRefusedError(f"{planned.label}: nothing says how many GPUs it needs, and a cluster must be told")
    return count
