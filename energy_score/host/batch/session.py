"""A session on an output directory: open it, choose runs, check models, run, and report the end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from energy_score.contract.errors import ExitCode
from energy_score.host.batch.choice import Chooser, open_chooser
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.options import BatchOptions, ExecutorOptions
from energy_score.host.batch.plan import PlannedRun, ResolvedRun
from energy_score.host.batch.preflight import run_preflight
from energy_score.host.batch.progress import Progress
from energy_score.host.batch.summary import summary, tell_start
from energy_score.host.executors.executor import Executor
from energy_score.host.executors.registry import open_executor
from energy_score.host.locks.output_lock import lock_output
from energy_score.host.preflight.models.surroundings import Surroundings
from energy_score.reports.results_table.result_row import ResultRow
from results_aggregator import ResultsAggregator


@dataclass(frozen=True)
class BatchEnd:
    """How a batch ended, and the rows that its runs have in the results table."""

    exit_code: ExitCode
    rows: Sequence[ResultRow]


@dataclass
class BatchSession:
    """The runs of ``plan`` on one output directory: a batch here, a batch on a cluster, or a single run.

    The preflight adds refusals to ``plan``; ``notes`` are for the reader, before the first run.
    """

    plan: Sequence[PlannedRun]
    ledger: Ledger
    progress: Progress
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the output directory for exclusive use while the context is open; it is created if needed.

        Raises:
            EnvironmentNotReadyError: Another program is using it, or it cannot be written.
        """
        self.ledger.open()
        with lock_output(self.ledger.output_directory, option=self.ledger.option), closing(self.ledger):
            yield

    def choose(self, options: BatchOptions) -> Chooser:
        """Return the chooser that decides which runs are pending.

        Raises:
            NothingMatchedError: ``--rerun`` is a pattern that matches no row of the plan.
            UsageError: The file of ``--only-new`` cannot be read, or has no results.
        """
        chooser = open_chooser(self.plan, self.ledger, rerun=options.rerun, only_new=options.only_new)
        if chooser.note is not None:
            self.notes.append(chooser.note)
        return chooser

    def check_models(self, *, is_pending: Callable[[ResolvedRun], bool], here: Surroundings, sheet_name: str) -> None:
        """Refuse every pending run that cannot succeed, before any GPU time is spent."""
        checked = run_preflight(self.plan, is_pending=is_pending, here=here, sheet_name=sheet_name)
        self.plan = checked.plan
        self.notes += checked.notes

    def announce(self) -> None:
        """Report the start of the batch, and the notes."""
        tell_start(self.progress, self.plan, notes=self.notes)

    def finish(self, exit_code: ExitCode, counts: Mapping[str, int], aggregator: ResultsAggregator) -> BatchEnd:
        """Report how the batch ended and return it with the rows of its runs."""
        directory = self.ledger.output_directory
        self.progress.batch_finished(summary(counts, directory, interrupted=exit_code is ExitCode.INTERRUPTED))
        paths = [self.ledger.directory(planned.name).path for planned in self.plan]
        return BatchEnd(exit_code, [aggregator.row_of(path) for path in paths if path.exists()])


def open_ready_executor(options: ExecutorOptions, *, backend: str) -> Executor:
    """Return the executor in the options, ready to run.

    Raises:
        EnvironmentNotReadyError: It cannot run here; the message says what is missing and what to do.
    """
    executor = open_executor(options.name, timeout_s=options.timeout_s, image=options.image, memory=options.memory)
    executor.check(backend=backend)
    return executor
