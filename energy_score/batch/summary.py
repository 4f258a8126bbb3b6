"""What a batch says before and after: the headline, the summary line, and the table of results."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from energy_score.batch.ledger import Ledger
from energy_score.batch.plan import PlannedRun, same_work
from energy_score.batch.progress import Progress, energy_text
from energy_score.batch.table import print_table
from energy_score.contract.errors import ExitCode
from energy_score.contract.plain_text import counted
from energy_score.contract.result_row import ResultRow
from energy_score.contract.run_spec import RunSpec
from energy_score.standard_streams import reader_may_leave

if TYPE_CHECKING:
    from results_aggregator import ResultsAggregator


def headline(plan: Sequence[PlannedRun]) -> str:
    """What is about to happen: how many runs, under which protocol, with which meter."""
    refused = sum(planned.spec is None for planned in plan)
    specs = [planned.spec for planned in plan if planned.spec is not None]
    runs = f"{counted(len(plan), 'row')} selected"
    if refused:
        runs += f", {refused} refused"
    if not specs:
        return runs
    return f"{runs}; {how_measured(specs[0])}"


# How a run of a batch may end; the last three of them not as it was asked for.
OUTCOMES = ("done", "skipped", "failed", "refused", "elsewhere")
_ENDED_WELL = ("done", "skipped")


def exit_code_of(counts: Mapping[str, int]) -> ExitCode:
    """What the ends of a batch's runs say, by how many there are of each outcome."""
    is_well = all(outcome in _ENDED_WELL for outcome, count in counts.items() if count)
    return ExitCode.OK if is_well else ExitCode.SOME_RUNS_FAILED


def tell_start(progress: Progress, plan: Sequence[PlannedRun], *, notes: Sequence[str]) -> None:
    """Tell that the batch begins, the ``notes`` on it, and which rows do the same work."""
    progress.batch_started(run_count=len(plan), headline=headline(plan))
    for note in notes:
        progress.note(note)
    for first, later in same_work(plan):
        progress.note(
            f"{later.label} (line {later.config.line_number}) does the same work as {first.label} "
            f"(line {first.config.line_number})"
        )


def how_measured(spec: RunSpec) -> str:
    """The backend, protocol and meter of a run."""
    policy = spec.repeat_policy
    repeats = str(policy.repeats) if policy.max_repeats is None else f"{policy.repeats} to {policy.max_repeats}"
    length = f"at least {policy.min_phase_s:g} s" if policy.min_phase_s else "any length"
    return (
        f"{spec.backend} backend, protocol {policy.protocol}: {repeats} repeat{'s' if repeats != '1' else ''}, "
        f"phases of {length}, meter {spec.meter}"
    )


def summary(counts: Mapping[str, int], output_directory: Path, *, interrupted: bool) -> str:
    """How many runs ended how, and where the results lie."""
    figures = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    stopped = "interrupted; the same command goes on: " if interrupted else ""
    return f"{stopped}{figures}; results: {output_directory / 'master_results.csv'}"


def print_results(aggregator: "ResultsAggregator", ledger: Ledger, plan: Sequence[PlannedRun]) -> None:
    """The rows of this batch on standard output."""
    paths = [ledger.directory(planned.name).path for planned in plan]
    print_rows([aggregator.row_of(path) for path in paths if path.exists()])


def print_rows(results: Sequence[ResultRow]) -> None:
    """The results on standard output, shortened for reading; the files of the runs hold everything."""
    rows = []
    for row in results:
        failed = row.successful_prompts is None
        tokens = "" if row.total_completion_tokens is None else f"{row.total_completion_tokens}"
        outcome = row.error_message or "" if failed else energy_text(row)
        rows.append((row.model_name, row.reasoning_state, "failed" if failed else "done", tokens, outcome))
    with reader_may_leave():  # the results lie in files, and the exit code is that of the runs
        print_table(("model", "state", "outcome", "new tokens", "energy or error"), rows, stream=sys.stdout)
