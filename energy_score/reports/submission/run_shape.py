"""Check that a report has the shape required by its run spec: repeats, queries, phases, GPUs, times."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from energy_score.contract.plain_text import counted
from energy_score.contract.run_report import WORK_PHASES, EnergySource, PhaseEnergy, RunReport
from energy_score.reports.submission.findings import Finding, differences, finding
from energy_score.reports.submission.records import BundledRecords
from energy_score.shared.tasks.registry import TASKS

_OVERHEAD = ("load", "idle")
# The possible work phases of a task with these phases; models of one task can answer token by token or at once (ASR).
_WORK_OF = {"call": {"call"}, "forward": {"forward"}, "prefill": {"full", "forward"}}
# Meters with these sources read every GPU of the run, with a sampler next to them.
_SAMPLED_SOURCES = (EnergySource.NVML_COUNTER, EnergySource.NVML_POWER, EnergySource.SIMULATED)
# Host and engine read the same clock, which can be adjusted during a run.
_CLOCK_SET_BY = timedelta(seconds=60)


def check_shape(records: BundledRecords) -> Iterator[Finding]:
    """Yield a finding for everything that a run with that run spec cannot produce, whatever its readings."""
    report, file = records.report, records.layout.report_file.as_posix()
    yield from _check_windows(file, report)
    yield from _check_repeats(file, report)
    yield from _check_gpus(file, report)
    yield from _check_times(file, records)


def _check_windows(file: str, report: RunReport) -> Iterator[Finding]:
    """Every window of a repeat after the discarded ones counts, and asks every query."""
    discarded = _discarded_repeats(report)
    for index, window in enumerate(report.phases):
        is_overhead = window.phase in _OVERHEAD
        is_counted = not is_overhead and window.repeat > discarded
        stated = {"counted": window.counted, "query_count": window.query_count}
        due = {"counted": is_counted, "query_count": 0 if is_overhead else report.queries.asked}
        if is_overhead:
            stated, due = stated | {"repeat": window.repeat, "passes": window.passes}, due | {"repeat": 0, "passes": 1}
        if stated != due:
            yield from differences(file, stated, due, source="the run spec and its queries", field=f"phases[{index}]")
            break  # one is enough: a wrong number of queries shows in every window
    task = TASKS.get(report.spec.task)
    work = {window.phase for window in report.phases if window.phase in WORK_PHASES}
    if task is not None and not work <= _WORK_OF[task.phases[0]]:
        yield finding(file, f"{', '.join(sorted(work))}: not the phases of task {task.name}", field="phases")


def _discarded_repeats(report: RunReport) -> int:
    """How many repeats came before the first counted one, as far as the policy allows so many or so few."""
    policy = report.spec.repeat_policy
    first = min((window.repeat for window in report.phases if window.counted), default=policy.discarded_repeats + 1)
    most = max(policy.discarded_repeats, policy.max_discarded_repeats or 0)
    return min(max(first - 1, policy.discarded_repeats), most)


def _check_repeats(file: str, report: RunReport) -> Iterator[Finding]:
    """Check that each meter has one window per phase and repeat, and that there are as many repeats as specified."""
    policy = report.spec.repeat_policy
    least, most = policy.repeats, max(policy.repeats, policy.max_repeats or 0)
    by_meter: dict[object, list[PhaseEnergy]] = {}
    for window in report.phases:
        if window.phase not in _OVERHEAD:
            by_meter.setdefault((window.domain, window.source), []).append(window)
    for windows in by_meter.values():
        times = Counter((window.phase, window.repeat) for window in windows)
        phases, last = {phase for phase, _ in times}, max(repeat for _, repeat in times)
        discarded = _discarded_repeats(report)
        repeats = last - discarded
        if not (least <= repeats <= most and len(times) == len(windows) == len(phases) * last):
            message = (
                f"{counted(len(windows), 'window')} of {counted(len(phases), 'phase')}, the last from repeat {last}, "
                f"but expected one per phase in {discarded} discarded and {least} to {most} counted repeats"
            )
            yield finding(file, message, field="phases")


def _check_gpus(file: str, report: RunReport) -> Iterator[Finding]:
    """Check that only the run's GPUs were measured, and that they were sampled meanwhile."""
    gpus = sorted(gpu.uuid for gpu in report.hardware.gpus)
    sampled = [
        (index, window)
        for index, window in enumerate(report.phases)
        if window.domain == "gpu" and window.source in _SAMPLED_SOURCES
    ]
    for index, window in sampled:
        measured = sorted({*window.energy_j, *window.faults})
        if measured != gpus:
            yield from differences(file, measured, gpus, source="hardware.gpus", field=f"phases[{index}].energy_j")
            break
    if sampled:
        seen = sorted(seen.uuid for seen in report.conditions)
        yield from differences(file, seen, gpus, source="hardware.gpus", field="conditions")
    for index, one in enumerate(report.conditions):
        idle = [window for window in report.phases if window.phase == "idle" and one.uuid in window.energy_j]
        energy_j, duration_s = sum(w.energy_j[one.uuid] for w in idle), sum(w.duration_s for w in idle)
        idle_power_w = energy_j / duration_s if duration_s else None
        field = f"conditions[{index}].idle_power_w"
        yield from differences(file, one.idle_power_w, idle_power_w, source="the idle windows", field=field)


def _check_times(file: str, records: BundledRecords) -> Iterator[Finding]:
    """Check that the windows are within the run, and the run within the host check."""
    report, witness = records.report, records.witness
    durations_s: dict[object, float] = {}
    for window in report.phases:
        meter = (window.domain, window.source)
        durations_s[meter] = durations_s.get(meter, 0.0) + window.duration_s
    windows_s, lasted = max(durations_s.values(), default=0.0), report.finished_at - report.started_at
    if windows_s > lasted.total_seconds() + _CLOCK_SET_BY.total_seconds():
        message = f"{lasted.total_seconds():.1f} s after started_at, but its windows alone last {windows_s:.1f} s"
        yield finding(file, message, field="finished_at")
    if witness is not None and not (
        witness.started_at - report.started_at <= _CLOCK_SET_BY
        and report.finished_at - witness.finished_at <= _CLOCK_SET_BY
    ):
        message = (
            f"the host check lasted from {witness.started_at} to {witness.finished_at}, but the run from "
            f"{report.started_at} to {report.finished_at}"
        )
        yield finding(records.layout.witness_file.as_posix(), message, field="started_at")
