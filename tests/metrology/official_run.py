"""Run in a child on the simulated NVML: whole official runs of a known load, one JSON object each.

``python -m tests.metrology.official_run '{"load": "classifier", "runs": 3, "seed": 1, ...}'``; time is the child's own
(``own_time.py``), the measuring code is the engine's: benchmark, measurement, meter, sampler, statistics, verdict.
"""

import ctypes
import json
import math
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import StringIO
from statistics import fmean
from typing import Any

from energy_score.contract.run_report import Hardware, LoadedModel, PhaseEnergy
from energy_score.contract.run_spec import RepeatPolicy
from energy_score.engine import stalls as stalls_module
from energy_score.engine.benchmark import Benchmark
from energy_score.engine.events import EventStream
from energy_score.engine.gpu_watch import GpuWatch
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters import sampler, update_periods
from energy_score.engine.meters.nvml import open_nvml_meter
from energy_score.engine.query import Completion, PreparedQuery, Row, TokenLimits, WorkPhase
from energy_score.engine.stalls import StallWatch
from energy_score.host.run_specs.repeat_order import OFFICIAL
from energy_score.shared.analysis.statistics import phase_statistics
from energy_score.shared.analysis.verdict import judge
from tests.nvml_simulator.own_time import OwnTime
from tests.support.record_factory import make_spec

IDLE_W = 70.0
PASS_S = 0.5  # of preparing all rows, on the CPU
_IN_STEP_S = 0.002


@dataclass(frozen=True)
class Load:
    """A query's work: stretches of (W, s), each as much longer or shorter as ``jitter`` says (a standard deviation)."""

    work: tuple[tuple[float, float], ...]
    jitter: float
    queries: int = 100
    generates: bool = False


LOADS = {
    "classifier": Load(((350, 0.008), (120, 0.012)), jitter=0.002, queries=250),
    "detector": Load(((500, 0.020), (130, 0.030)), jitter=0.002),
    "encoder": Load(((300, 0.004), (120, 0.006)), jitter=0.01, queries=500),
    "qa": Load(((400, 0.015), (120, 0.010)), jitter=0.05, queries=200),
    "text": Load(((600, 0.030), (300, 0.270)), jitter=0.05, queries=40, generates=True),
    "diffusion": Load(((650, 2.9), (150, 0.1)), jitter=0.005, queries=5),
}


@dataclass
class Noise:
    """A factor on the power of each window, by its number: AR(1) of ``correlation``, and a creep that wears off."""

    random: random.Random
    deviation: float = 0.0
    correlation: float = 0.0
    creep: float = 0.0
    creep_repeats: float = 3.0
    run_to_run: float = 0.0
    _last: float | None = None
    _run: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._run = self.random.gauss(0, self.run_to_run)

    def factor(self, repeat: int) -> float:
        own = self.random.gauss(0, self.deviation)
        if self._last is not None:
            own = self.correlation * self._last + math.sqrt(1 - self.correlation**2) * own
        self._last = own
        warming = self.creep * max(0.0, 1 - (repeat - 1) / self.creep_repeats)
        return 1 + own - warming + self._run


class SimulatedBackend:
    """Draws the power of a load on the simulated GPU."""

    def __init__(self, load: Load, noise: Noise, events: Sequence[dict[str, float]]) -> None:
        self.work_phase: WorkPhase = "full" if load.generates else "forward"
        self.factor = 1.0
        self.factors: dict[int, float] = {}
        self.noise = noise
        self._load = load
        self._due_s = 0.0
        self._random = noise.random
        self._draw = ctypes.CDLL("libnvidia-ml.so.1").nvmlSimulatorDraw
        self._draw.argtypes = [ctypes.c_uint, ctypes.c_double, ctypes.c_double]
        self._hangs = sorted(events, key=lambda event: event["at_s"])

    def draw(self, power_w: float) -> None:
        self._draw(0, time.monotonic(), power_w)

    def load(self) -> LoadedModel:
        return LoadedModel(
            commit=None, dtype="float32", devices=("cuda:0",), parameter_count=1, attention=None,
            random_weights=False, offloaded=False, context_length=None,
        )  # fmt: skip

    def prepare(self, row: Row) -> PreparedQuery:
        time.sleep(PASS_S / self._load.queries)
        return PreparedQuery(rendered=row["text"], inputs=row["text"])

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        begin_s = time.monotonic()
        # A loop keeps its period, however late a sleep ends: a query begins where the one before it was to end.
        due_s = self._due_s if abs(begin_s - self._due_s) < _IN_STEP_S else begin_s
        if self._hangs and begin_s >= self._hangs[0]["at_s"]:
            self.draw(IDLE_W)
            time.sleep(self._hangs.pop(0)["for_s"])
            due_s = time.monotonic()
        whole = limits is None or limits.max_new_tokens > 1
        longer = max(0.2, self._random.gauss(1, self._load.jitter))
        for power_w, duration_s in self._load.work if whole else self._load.work[:1]:
            self.draw(power_w * self.factor)
            due_s += duration_s * longer
            time.sleep(max(0.0, due_s - time.monotonic()))
        self._due_s = due_s
        self.draw(IDLE_W)
        tokens = None if limits is None else limits.max_new_tokens
        return Completion(latency_s=time.monotonic() - begin_s, output=None, prompt_tokens=10, completion_tokens=tokens)

    def decode(self, completion: Completion) -> str:
        return str(completion.output)

    def synchronise(self) -> None:
        """Nothing is queued."""


class NoisyMeasurement(Measurement):
    """Each window of work has a power factor of its own."""

    backend: SimulatedBackend

    def measure(self, phase: str, *arguments: object, **settings: object) -> None:
        if phase in ("full", "forward"):
            repeat = int(str(settings["repeat"]))
            self.backend.factor = self.backend.factors[repeat] = self.backend.noise.factor(repeat)
        super().measure(phase, *arguments, **settings)  # type: ignore[arg-type]


def run_once(order: dict[str, Any], seed: int) -> dict[str, object]:
    """One official run, and what came of it."""
    load = LOADS[str(order["load"])]
    draw = random.Random(seed)
    noise = Noise(draw, **order.get("noise", {}))
    policy = OFFICIAL.model_copy(update=order.get("policy", {}))
    policy = RepeatPolicy.model_validate(policy.model_dump())
    spec = make_spec(
        task="text_gen" if load.generates else "image_classification",
        repeat_policy=policy,
        generation=make_spec().generation.model_copy(
            update={"seed": seed} | ({"max_new_tokens": 10, "min_new_tokens": 10} if load.generates else {})
        ),
    )
    started_s = time.monotonic()
    hangs = [{"at_s": started_s + at_s, "for_s": for_s} for at_s, for_s in order.get("hangs", ())]
    backend = SimulatedBackend(load, noise, hangs)
    with ExitStack() as stack:
        meter = open_nvml_meter()
        stack.callback(meter.close)
        backend.draw(IDLE_W)
        watch = stack.enter_context(GpuWatch([meter], seed=seed))
        stalls = stack.enter_context(StallWatch())
        measurement = NoisyMeasurement(
            [meter], synchronise=backend.synchronise, integral=watch.integral, surroundings=watch, stalls=stalls,
            dither_s=policy.dither_s, seed=seed,
        )  # fmt: skip
        measurement.backend = backend
        benchmark = Benchmark(
            spec=spec, backend=backend, rows=[{"text": str(number)} for number in range(load.queries)],
            measurement=measurement, events=EventStream(StringIO()), calibrate_under_load=watch.calibrate_under_load,
        )  # fmt: skip
        benchmark.warm_up()
        benchmark.measure()
        verdict = judge(
            spec=spec,
            windows=measurement.windows,
            queries=benchmark.log.statistics(),
            tokens=benchmark.log.tokens(),
            model=backend.load(),
            hardware=Hardware(gpus=meter.gpus, cpu="", cpu_count=1, memory_mib=1),
            conditions=watch.conditions(measurement),
            repairs=measurement.repairs.all(),
        )
        repairs = (*watch.repairs(), *measurement.repairs.all())
    statistics = {figure.phase: figure for figure in phase_statistics(measurement.windows)}
    work = statistics[backend.work_phase if backend.work_phase == "forward" else "total"]
    total = statistics["total"]
    prepare_j = IDLE_W * (statistics["preprocess"].mean_duration_s)
    windows = [window for window in measurement.windows if window.counted and window.phase in ("full", "forward")]
    return {
        "mean_j": None if total.mean_energy_j is None else total.mean_energy_j - prepare_j,
        "half_width_j": total.ci95_half_width_j,
        "effective_repeats": total.effective_repeats,
        "true_j": fmean(_drawn_j(window) / window.passes / backend.factors[window.repeat] for window in windows),
        "window_errors": [
            None if window.total_j is None else window.total_j / _drawn_j(window) - 1 for window in windows
        ],
        "uncertainties": [sum(w.uncertainty_j.values()) / (w.total_j or math.nan) for w in windows],
        "codes": {reason.code: reason.observed for reason in verdict.reasons},
        "invalid": [reason.code for reason in verdict.reasons if reason.severity == "invalid"],
        "repairs": [(repair.kind, repair.subject, repair.cause, repair.count) for repair in repairs],
        "repeats": work.repeats,
        "lasted_s": time.monotonic() - started_s,
    }


def _drawn_j(window: PhaseEnergy) -> float:
    """The energy that the window's work truly drew, without its pauses."""
    true_mj = ctypes.CDLL("libnvidia-ml.so.1").nvmlSimulatorTrueEnergy_mJ
    true_mj.argtypes, true_mj.restype = [ctypes.c_uint, ctypes.c_double], ctypes.c_double
    assert window.start_s is not None
    assert window.end_s is not None
    drawn_j: float = (true_mj(0, window.end_s) - true_mj(0, window.start_s)) / 1000
    return drawn_j - IDLE_W * window.pause_s


def main() -> None:
    order = json.loads(sys.argv[1])
    OwnTime(seed=order["seed"]).install(sampler, stalls_module, update_periods)
    for number in range(order.get("runs", 1)):
        sys.stdout.write(json.dumps(run_once(order, seed=1000 * order["seed"] + number)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
