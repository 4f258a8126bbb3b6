"""Run directories as the engine leaves them, every file consistent with the readings: official runs of 1,000 queries.

A run draws 180 W while it loads, 90 W idle, 300 W in prefill and 600 W in full, each power times its ``share``.
"""

from array import array
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import EnergySource, GpuConditions, PhaseEnergy, RunReport
from energy_score.contract.run_spec import RepeatPolicy, RunSpec
from energy_score.engine.benchmark import Answer
from energy_score.engine.meters.gpu_samples import GpuSample, GpuSamples
from energy_score.engine.meters.power_trace import power_trace
from energy_score.engine.outputs import write_energy_files, write_queries, write_texts
from energy_score.engine.query import Completion, PreparedQuery
from energy_score.engine.query_log import QueryLog
from energy_score.reports.submission.records import derive_report
from tests.support.record_factory import H100, make_config, make_report, make_run, make_spec, make_witness

MODEL = "openai/gpt-oss-20b"
NAME = "openai_gpt-oss-20b_On_High"
REPEATS = 10
OFFICIAL = RepeatPolicy(
    protocol="official", repeats=REPEATS, discarded_repeats=1, min_phase_s=10.0, idle_baseline_s=30.0
)
# Phase, how long its window lasts in s, how much power the GPU draws in W.
_AROUND = (("load", 20, 180.0), ("idle", 30, 90.0), ("idle", 30, 90.0))
_REPEAT = (("prefill", 12, 300.0), ("full", 100, 600.0))
_HELD_S = 10.0
# Between, before and after the windows: warm-up, and what is written. The host begins 10 s before.
_AROUND_WINDOWS_S = 30


def finished_spec(**changes: Any) -> RunSpec:
    return make_spec(**({"repeat_policy": OFFICIAL, "query_count": None} | changes))


def write_finished_run(
    output_directory: Path,
    name: str = NAME,
    *,
    share: float = 1.0,
    source: EnergySource = EnergySource.NVML_COUNTER,
    query_count: int = 1000,
    change: Callable[[RunReport], RunReport] = lambda report: report,
    **spec_changes: Any,
) -> RunDirectory:
    """A run that is done; ``change`` is made to the report before anything is derived from it."""
    spec = finished_spec(**spec_changes)
    windows = _windows(share, source, query_count)
    times_s, samples = _sampled(windows)
    log = _queries(query_count)
    report = make_report(
        spec=spec,
        phases=tuple(windows),
        queries=log.statistics(),
        tokens=log.tokens(),
        media=log.media(),
        software={"python": "3.12.3", "energy_score": "0.1.0", "nvidia_driver": "570.124.06"},
        conditions=(_conditions(windows, samples),),
    )
    lasted = timedelta(seconds=sum(window.duration_s for window in windows) + _AROUND_WINDOWS_S)
    report = change(report.model_copy(update={"finished_at": report.started_at + lasted}))
    report = derive_report(report.model_copy(update={"spec_identity": report.spec.identity()}))
    config = make_config(
        model_id=spec.model_id, model_class=spec.model_class, task=spec.task, reasoning_state=spec.reasoning_state
    )
    directory = make_run(output_directory, name, config=config, report=report, witness=_witness(report, source, share))
    write_queries(directory, log.records)
    write_energy_files(directory, report)
    directory.trace_file.write_bytes(power_trace(times_s, [samples]))
    if spec.save_text:
        write_texts(directory, [Answer(0, "What is energy?", "A promise.")])
    return directory


def _windows(share: float, source: EnergySource, query_count: int) -> list[PhaseEnergy]:
    load, before, after = _AROUND
    order = [(0, *load), (0, *before)]
    for repeat in range(1, REPEATS + 2):
        # No two repeats are alike, so that a spread can be told from none.
        # They follow no course either: the multiples of 7 modulo 11 are the numbers up to 10, each once.
        extra_w = 1 + 7 * (repeat - 1) % (REPEATS + 1)
        order += [(repeat, phase, duration_s, power_w + extra_w) for phase, duration_s, power_w in _REPEAT]
    return [
        PhaseEnergy(
            phase=phase,
            repeat=repeat,
            counted=repeat > 1,
            passes=4 if phase == "prefill" else 1,
            query_count=query_count if repeat else 0,
            duration_s=float(duration_s),
            domain="gpu",
            source=source,
            energy_j={H100.uuid: power_w * share * duration_s},
            uncertainty_j={H100.uuid: share},
            integral_j={H100.uuid: power_w * share * duration_s},
        )
        for repeat, phase, duration_s, power_w in [*order, (0, *after)]
    ]


def _sampled(windows: list[PhaseEnergy]) -> "tuple[array[float], GpuSamples]":
    """A sample each second, from the first window to the last, which follow each other."""
    times_s: array[float] = array("d")
    samples = GpuSamples(times_s)
    for window in windows:
        power_w = window.integral_j[H100.uuid] / window.duration_s
        for _ in range(int(window.duration_s)):
            times_s.append(float(len(times_s)))
            samples.append(GpuSample(power_w=power_w, sm_clock_mhz=1980, temperature_c=60), longest_hold_s=_HELD_S)
    return times_s, samples


def _conditions(windows: list[PhaseEnergy], samples: GpuSamples) -> GpuConditions:
    """What was seen from the first counted window to the last, as the engine's samples tell it."""
    before_s = sum(window.duration_s for window in windows[: [window.counted for window in windows].index(True)])
    end_s = before_s + sum(window.duration_s for window in windows if window.counted)
    idle_power_w = next(w.energy_j[H100.uuid] / w.duration_s for w in windows if w.phase == "idle")
    return samples.conditions(H100.uuid, before_s, end_s).model_copy(update={"idle_power_w": idle_power_w})


def _queries(count: int) -> QueryLog:
    log = QueryLog.of(count)
    for index in range(count):
        tokens = 80 + index % 61
        times_s = tuple(0.035 + 0.012 * token for token in range(tokens))
        query = PreparedQuery(rendered="What is energy?", inputs=None)
        answer = Completion(
            latency_s=0.1,
            output=None,
            prompt_tokens=50,
            completion_tokens=tokens,
            token_times_s=times_s,
            finish_reason="stop",
        )
        log.note_measured(index, query, answer)
    return log


def _witness(report: RunReport, source: EnergySource, share: float) -> HostWitness:
    """A host that saw what the windows saw, and 60 W in the 40 s outside them."""
    windows_s = sum(window.duration_s for window in report.phases)
    energy_j = sum(window.energy_j[H100.uuid] for window in report.phases)
    started_at = report.started_at - timedelta(seconds=10)
    return make_witness(
        run_id=report.run_id,
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=windows_s + 10 + _AROUND_WINDOWS_S),
        source=source,
        energy_j={H100.uuid: energy_j + 40 * 60.0 * share},
    )
