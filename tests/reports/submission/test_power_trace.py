"""Facts about the trace: what the engine records of any course is found in it, and what was moved or hidden is not."""

import gzip
import random
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_score.contract.run_report import EnergySource, PhaseEnergy, RunReport
from energy_score.engine.meters.gpu_samples import GpuSample, GpuSamples
from energy_score.engine.meters.power_trace import power_trace
from energy_score.reports.submission.power_trace import check_power_trace
from tests.reports.submission.tampering import REPORT, RUN, found, opened, reforged
from tests.support.record_factory import H100, make_report

UUID = H100.uuid
TRACE = "power_trace.csv.gz"
HOLD_S = 0.5


def recorded(seed: int, *, windows: int = 8, steady: bool = False) -> tuple[bytes, RunReport]:
    """A trace of 10 Hz and the report of windows at any place in it, each by the engine's own integral."""
    draw = random.Random(seed)
    times_s: array[float] = array("d")
    samples = GpuSamples(times_s)
    edges_s, now_s = [], 1000.0 + draw.random()
    start_s = now_s
    for _ in range(windows):
        begin_s = now_s + draw.choice([0.0, 0.01, 0.1, 1.0])
        now_s = begin_s + draw.choice([0.03, 0.5, 2.0, 11.0]) * draw.uniform(0.9, 1.1)
        edges_s.append((begin_s, now_s))
    time_s = start_s
    while time_s < now_s + 0.3:
        times_s.append(time_s)
        power_w = 300.0 if steady else draw.choice([70.0, 90.0, draw.uniform(60, 700)])
        samples.append(
            GpuSample(
                power_w=None if draw.random() < 0.02 else power_w, sm_clock_mhz=draw.choice([1980, 1755]),
                temperature_c=draw.randint(40, 60), memory_mib=draw.choice([None, 70_000]),
                clock_events=draw.choice([0, 0, 4, 1]),
            ),
            longest_hold_s=HOLD_S,
        )  # fmt: skip
        time_s += draw.uniform(0.07, 0.13)
    phases = tuple(
        PhaseEnergy(
            phase="full", repeat=number, counted=number >= 2, passes=1, query_count=10, duration_s=end_s - begin_s,
            domain="gpu", source=EnergySource.NVML_COUNTER, energy_j={UUID: 1.0},
            integral_j={} if (energy_j := samples.integral_j(begin_s, end_s)) is None else {UUID: energy_j},
        )
        for number, (begin_s, end_s) in enumerate(edges_s)
    )  # fmt: skip
    seen = samples.conditions(UUID, edges_s[2][0], edges_s[-1][1])
    return power_trace(times_s, [samples]), make_report(phases=phases, conditions=(seen,))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), steady=st.booleans())
def test_what_the_engine_records_of_any_course_is_found_in_its_trace(seed: int, *, steady: bool) -> None:
    trace, report = recorded(seed, steady=steady)
    assert [str(one) for one in check_power_trace(TRACE, trace, report)] == []


def moved(share: float, to: str) -> Callable[[Any], None]:
    """That share of every counted work window's energy put into another phase; all windows together keep theirs."""

    def move(report: Any) -> None:
        taken_j = 0.0
        for window in report["phases"]:
            if window["counted"] and window["phase"] == "full":
                taken_j += share * window["energy_j"][UUID]
                for figures in (window["energy_j"], window["integral_j"]):
                    figures[UUID] *= 1 - share
        takers = [window for window in report["phases"] if window["phase"] == to]
        for window in takers:
            for figures in (window["energy_j"], window["integral_j"]):
                figures[UUID] += taken_j / len(takers)
        idle = [window for window in report["phases"] if window["phase"] == "idle"]
        idle_j, idle_s = sum(w["energy_j"][UUID] for w in idle), sum(w["duration_s"] for w in idle)
        report["conditions"][0]["idle_power_w"] = idle_j / idle_s

    return move


def test_a_forger_changes_nothing_by_making_nothing_anew(bundle: bytes) -> None:
    assert found(reforged(bundle)) == []


@pytest.mark.parametrize(("share", "to"), [(0.5, "load"), (0.01, "idle"), (0.01, "prefill")])
def test_energy_that_was_moved_to_a_window_that_counts_for_nothing_is_caught(
    bundle: bytes, share: float, to: str
) -> None:
    (finding,) = found(reforged(bundle, report=moved(share, to)))
    assert finding.startswith(f"{RUN}/{TRACE}: power_w: no ")
    assert " after the windows before have the " in finding


def test_a_window_without_its_second_opinion_is_caught_where_power_is_known_throughout() -> None:
    trace, report = recorded(3, steady=True)
    bare = tuple(window.model_copy(update={"integral_j": {}}) for window in report.phases)
    (finding,) = check_power_trace(TRACE, trace, report.model_copy(update={"phases": bare}))
    assert finding.message == "power is known throughout, but phase full, repeat 0 has no integral of it"


HIDDEN = [
    ("throttle_reasons", [], b",hw_thermal_slowdown", "throttled by nothing"),
    ("throttle_reasons", ["sw_power_cap"], b",", "throttled by sw_power_cap"),
    ("mean_power_w", 400.0, b",", "mean power 400 W"),
    ("peak_power_w", 610.0, b",", "610 W at most"),
    ("temperature_max_c", 59, b",", "59 C at most"),
    ("sm_clock_min_mhz", 1981, b",", "1981 MHz at least"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "reason", "words"), HIDDEN, ids=[words for *_, words in HIDDEN])
def test_a_condition_of_the_gpu_that_the_trace_shows_and_the_report_hides_is_caught(
    bundle: bytes, field: str, value: object, reason: bytes, words: str
) -> None:
    def shown(content: bytes) -> bytes:
        return gzip.compress(gzip.decompress(content).replace(b",\n", reason + b"\n"), mtime=0)

    def hide(report: Any) -> None:
        report["conditions"][0][field] = value

    (finding,) = found(reforged(bundle, report=hide, files={TRACE: shown}))
    assert finding.startswith(f"{RUN}/{TRACE}: ")
    assert "1121 consecutive samples match the report: " + words in finding


def test_a_trace_of_a_gpu_that_the_run_had_not_is_none(bundle: bytes) -> None:
    def of_two(content: bytes) -> bytes:
        return gzip.compress(gzip.decompress(content) + b"1311.0000,1,600.000,1980,60,,\n", mtime=0)

    assert any("a sample of GPU 1, but the run has 1" in one for one in found(reforged(bundle, files={TRACE: of_two})))


@pytest.mark.parametrize(
    "line",
    [b"1e300,0,1.0,,,,", b"1311.0,0,1e300,,,,", b"nan,0,1.0,,,,", b"1311.0,0,nan,,,,", b"1311.0,0,-1,,,,",
     b"1311.0,-1,1.0,,,,", b"1311.0,0,1.0", b"1311.0,0,1,1,1,1,1,1"],
)  # fmt: skip
def test_a_sample_that_no_gpu_can_give_is_no_trace(bundle: bytes, line: bytes) -> None:
    content = gzip.compress(gzip.decompress(opened(bundle)[f"{RUN}/{TRACE}"]) + line + b"\n", mtime=0)
    report = RunReport.of_bytes(opened(bundle)[REPORT], name=REPORT)
    (finding,) = check_power_trace(TRACE, content, report)
    assert finding.message.startswith("not a power trace: ValueError")


def test_a_trace_that_says_far_more_than_it_holds_is_given_up_early(bundle: bytes) -> None:
    content = gzip.compress(gzip.decompress(opened(bundle)[f"{RUN}/{TRACE}"]) + 200_000 * b"1311.0,0,,,,,\n", mtime=0)
    report = RunReport.of_bytes(opened(bundle)[REPORT], name=REPORT)
    (finding,) = check_power_trace(TRACE, content, report)
    assert finding.message.endswith(f" or {4 * len(content)} lines when decompressed")
