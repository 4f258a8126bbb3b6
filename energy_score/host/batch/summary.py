"""What a batch reports before and after: the headline and the summary line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from energy_score.contract.errors import ExitCode
from energy_score.contract.plain_text import counted
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.plan import PlannedRun, resolved_runs, same_work
from energy_score.host.batch.progress import Progress


def headline(plan: Sequence[PlannedRun]) -> str:
    """Return what will happen: the number of runs, the protocol and the meter."""
    resolved = resolved_runs(plan)
    runs = f"{counted(len(plan), 'row')} selected"
    if len(resolved) < len(plan):
        runs += f", {len(plan) - len(resolved)} refused"
    return f"{runs}; {how_measured(resolved[0].spec)}" if resolved else runs


# The possible outcomes of a run; the last three are not as requested.
OUTCOMES = ("done", "skipped", "failed", "refused", "elsewhere")
_ENDED_WELL = ("done", "skipped")


def get_exit_code(counts: Mapping[str, int]) -> ExitCode:
    """Return the exit code for a batch with these numbers of runs by outcome."""
    is_well = all(outcome in _ENDED_WELL for outcome, count in counts.items() if count)
    return ExitCode.OK if is_well else ExitCode.SOME_RUNS_FAILED


def tell_start(progress: Progress, plan: Sequence[PlannedRun], *, notes: Sequence[str]) -> None:
    """Report the start of the batch, its ``notes``, and rows that do the same work."""
    progress.batch_started(run_count=len(plan), headline=headline(plan))
    for note in notes:
        progress.note(note)
    for first, later in same_work(plan):
        progress.note(
            f"{later.label} (line {later.config.line_number}) does the same work as {first.label} "
            f"(line {first.config.line_number})"
        )


def how_measured(spec: RunSpec) -> str:
    """Return the backend, protocol and meter of a run."""
    policy = spec.repeat_policy
    repeats = str(policy.repeats) if policy.max_repeats is None else f"{policy.repeats} to {policy.max_repeats}"
    length = f"at least {policy.min_phase_s:g} s" if policy.min_phase_s else "any length"
    return (
        f"{spec.backend} backend, protocol {policy.protocol}: {repeats} repeat{'s' if repeats != '1' else ''}, "
        f"phases of {length}, meter {spec.meter}"
    )


def summary(counts: Mapping[str, int], output_directory: Path, *, interrupted: bool) -> str:
    """Return the number of runs by outcome, and where the results are stored."""
    figures = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    stopped = "interrupted; run the same command to continue: " if interrupted else ""
    return f"{stopped}{figures}; results: {output_directory / 'master_results.csv'}"
