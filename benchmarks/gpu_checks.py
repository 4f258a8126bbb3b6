"""The checks of the GPU suite: what must hold on a GPU before its energies are believed. Each returns plain figures."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gpu_bench import Bench
from benchmarks.loops import Loops
from benchmarks.shape_runs import PUBLISHED_WH, ShapeRun, run_shape, shape_spec
from energy_score.contract.run_report import PhaseEnergy, PhaseStatistics, RunReport
from energy_score.contract.units import watt_hours
from energy_score.engine.datasets import load_queries
from energy_score.reports.results_table.gpu_figures import quotient

Figures = dict[str, Any]

# Source: METHOD.md, "Verdict of a run"; "Energy, phase by phase": sample apart if sampling shifts the counter by > 1 %.
MAX_DISCREPANCY = 0.05
MAX_SAMPLER_SHIFT = 0.01
# Ours: clocks and temperature of a warm GPU may still move that much between windows.
MAX_EXCESS = 0.02

_FOREIGN_WORK = (
    "import time, torch\n"
    "a = torch.randn(4096, 4096, device='cuda')\n"
    "end = time.time() + 300\n"
    "while time.time() < end: a = (a @ a).clamp(-1, 1); torch.cuda.synchronize()\n"
)


def periods(bench: Bench) -> Figures:
    """Update periods of counter and power reading in s, while the GPU works."""
    found: Figures = {}

    def calibrate() -> None:
        for uuid, period in bench.meter.calibrate(2.0).items():
            found[uuid] = {"counter_period_s": period.counter_s, "power_period_s": period.power_s}

    bench.busy(0.2)
    calibrate()
    return found


def counter_against_integral(bench: Bench) -> Figures:
    """60 s of matrix products: the counter's energy beside the integral of sampled power."""
    window = bench.window(lambda: bench.busy(60 * bench.scale))
    (energy_j,), (integral_j,) = window.energy_j.values(), window.integral_j.values()
    return {
        "duration_s": window.duration_s,
        "counter_j": energy_j,
        "integral_j": integral_j,
        "discrepancy": integral_j / energy_j - 1,
        "holds": abs(integral_j / energy_j - 1) <= MAX_DISCREPANCY,
        "mean_power_w": energy_j / window.duration_s,
        "tick_uncertainty_j": sum(window.uncertainty_j.values()),
    }


def sampler_on_and_off(bench: Bench) -> Figures:
    """Mean power of the same work with and without the sampler, in alternating windows."""
    powers_w: dict[bool, list[float]] = {True: [], False: []}
    for number in range(8):
        sampled = number % 2 == 0
        window = bench.window(lambda: bench.busy(5 * bench.scale), sampled=sampled)
        powers_w[sampled].append(sum(window.energy_j.values()) / window.duration_s)
    on_w, off_w = statistics.mean(powers_w[True]), statistics.mean(powers_w[False])
    return {"sampled_w": on_w, "not_sampled_w": off_w, "shift": on_w / off_w - 1,
            "holds": abs(on_w / off_w - 1) <= MAX_SAMPLER_SHIFT, "all_w": [*powers_w.values()]}  # fmt: skip


def idle(bench: Bench) -> Figures:
    """30 s of idling with the context alive: power by counter and by integral."""
    window = bench.window(lambda: bench.idle(30 * bench.scale))
    return {
        "duration_s": window.duration_s,
        "counter_w": sum(window.energy_j.values()) / window.duration_s,
        "integral_w": sum(window.integral_j.values()) / window.duration_s,
    }


def linearity(bench: Bench) -> Figures:
    """Energy of N, 2N and 4N units of the same work, and how far the ratios are from 2 and 4."""
    bench.busy(5 * bench.scale)  # warm, so that the clocks have settled
    start_s = time.monotonic()
    bench.busy_units(5)
    unit_s = (time.monotonic() - start_s) / 5
    base = max(1, round(5 * bench.scale / unit_s))
    energies_j = {
        factor: sum(bench.window(partial(bench.busy_units, base * factor)).energy_j.values()) for factor in (1, 2, 4)
    }
    return {
        "units": base,
        "energies_j": energies_j,
        "excess_2n": energies_j[2] / energies_j[1] / 2 - 1,
        "excess_4n": energies_j[4] / energies_j[1] / 4 - 1,
        "holds": all(abs(energies_j[n] / energies_j[1] / n - 1) <= MAX_EXCESS for n in (2, 4)),
    }


def repeats(bench: Bench) -> Figures:
    """A small model with 10 repeats; prefill + decode beside the full pass of another, independent run."""
    count = 4 if bench.simulated else 100
    order = ShapeRun(
        "distilgpt2", count, _dtype(bench), repeats=4 if bench.simulated else 10, min_phase_s=3 * bench.scale
    )
    report = run_shape(order, bench.folder, meter="nvml")
    again = run_shape(ShapeRun("distilgpt2", count, _dtype(bench), min_phase_s=10 * bench.scale), bench.folder,
                      meter="nvml")  # fmt: skip
    figures = _gpu_figures(report)
    full = [window for window in again.phases if window.phase == "full" and window.domain == "gpu"]
    independent_j = sum(window.total_j or 0 for window in full) / sum(window.passes for window in full)
    parts_j = [figures[phase].mean_energy_j for phase in ("prefill", "decode") if phase in figures]
    known_j = [energy_j for energy_j in parts_j if energy_j is not None]
    return {
        **_report_figures(report),
        "prefill_plus_decode_j": sum(known_j) if len(known_j) == 2 else None,
        "independent_full_pass_j": independent_j,
        "ratio": sum(known_j) / independent_j if len(known_j) == 2 and independent_j else None,
    }


def foreign_process(bench: Bench) -> Figures:
    """A run beside another compute process: it must be invalid, and say why."""
    order = ShapeRun("distilgpt2", 3 if bench.simulated else 20, _dtype(bench), min_phase_s=2 * bench.scale)
    if bench.simulated:
        os.environ["NVML_SIMULATOR_FOREIGN_PID"] = "1"
        try:
            report = run_shape(order, bench.folder, meter="nvml")
        finally:
            del os.environ["NVML_SIMULATOR_FOREIGN_PID"]
    else:
        other = subprocess.Popen([sys.executable, "-c", _FOREIGN_WORK])
        try:
            time.sleep(10)  # until it has its context
            report = run_shape(order, bench.folder, meter="nvml")
        finally:
            other.kill()
            other.wait()
    codes = [reason.code for reason in report.verdict.reasons]
    return {"codes": codes, "holds": "foreign_process" in codes, "rateable": report.verdict.rateable}


def harness_overhead(bench: Bench) -> Figures:
    """Time and energy that the harness adds to a bare generate loop of the same model, in alternating windows."""
    count = 2 if bench.simulated else 40
    order = ShapeRun("distilgpt2", count, _dtype(bench))
    spec = shape_spec(order, bench.folder, meter="nvml", run_id="overhead")
    rows = load_queries(spec.dataset, query_count=None).rows
    loops = Loops(spec, rows, [bench.meter])
    windows: dict[str, list[PhaseEnergy]] = {"bare": [], "harness": []}
    for number in range(2 if bench.simulated else 8):
        both = [("bare", loops.bare), ("harness", loops.harness)]
        for name, loop in both[:: 1 if number % 2 else -1]:
            windows[name].append(bench.window(loop))
    time_s = {name: statistics.median(window.duration_s for window in seen) for name, seen in windows.items()}
    energy_j = {name: statistics.median(sum(w.energy_j.values()) for w in seen) for name, seen in windows.items()}
    return {
        "time_s": time_s,
        "energy_j": energy_j,
        "added_time": time_s["harness"] / time_s["bare"] - 1,
        "added_energy": energy_j["harness"] / energy_j["bare"] - 1,
    }


def shapes(bench: Bench) -> Figures:
    """Size-true random-weight models: Wh per 1,000 queries, beside what was published where it was."""
    if bench.simulated:
        orders = [ShapeRun("distilgpt2", 4, "float32", min_phase_s=0.5)]
    else:
        orders = [
            ShapeRun("gpt2", 1000, "float16"),
            ShapeRun("distilgpt2", 1000, "float16"),
            *(ShapeRun(shape, 60, "float16", min_phase_s=5) for shape in SIZES),
        ]
    return {order.shape: _shape_figures(order, bench) for order in orders}


SIZES = ("qwen3-0.6b", "qwen3-4b", "qwen3-8b", "qwen3-14b")

# Part 1 judges the meter, part 2 runs models; each fits into ten minutes on a fast GPU.
PARTS: dict[int, tuple[Callable[[Bench], Figures], ...]] = {
    1: (
        periods,
        counter_against_integral,
        sampler_on_and_off,
        idle,
        linearity,
        repeats,
        foreign_process,
        harness_overhead,
    ),
    2: (shapes,),
}


def _shape_figures(order: ShapeRun, bench: Bench) -> Figures:
    report = run_shape(order, bench.folder, meter="nvml")
    total_j = _gpu_figures(report)["total"].mean_energy_j
    total_wh = watt_hours(total_j)
    per_1000_wh = None if total_wh is None else 1000 * total_wh / report.queries.succeeded
    published_wh = None if bench.simulated else PUBLISHED_WH.get(order.shape)  # a simulated GPU compares with nothing
    ratio = per_1000_wh / published_wh if per_1000_wh is not None and published_wh else None
    return {
        **_report_figures(report),
        "wh_per_1000_queries": per_1000_wh,
        "published_wh_per_1000_queries": published_wh,
        "ratio_to_published": ratio,
    }


def _report_figures(report: RunReport) -> Figures:
    return {
        "parameters": report.model.parameter_count,
        "dtype": report.model.dtype,
        "queries": report.queries.asked,
        "mean_prompt_tokens": quotient(report.tokens.prompt, report.queries.succeeded),
        "phases": {name: figure.model_dump(mode="json") for name, figure in _gpu_figures(report).items()},
        "time_to_first_token_s": report.queries.mean_time_to_first_token_s,
        "inter_token_p50_s": report.queries.inter_token_latency_p50_s,
        "reasons": [reason.model_dump(mode="json") for reason in report.verdict.reasons],
    }


def _gpu_figures(report: RunReport) -> dict[str, PhaseStatistics]:
    return {figure.phase: figure for figure in report.statistics if figure.domain == "gpu"}


def _dtype(bench: Bench) -> Any:  # noqa: ANN401 - one of the spec's precisions
    return "float32" if bench.simulated else "float16"
