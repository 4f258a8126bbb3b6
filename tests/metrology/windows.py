"""Run in a child on the simulated NVML: windows of known work, as the engine measures them, one JSON line each.

``python -m tests.metrology.windows PROGRAM COUNT SEED CONTROL``; the parent knows the truth from the control file,
whose times are the child's own (``own_time.py``).
"""

import json
import random
import sys
import time
from pathlib import Path

from energy_score.engine.measurement import Measurement
from energy_score.engine.meters import sampler
from energy_score.engine.meters.nvml import open_nvml_meter
from energy_score.engine.meters.sampler import GpuSampler
from tests.nvml_simulator.own_time import OwnTime
from tests.nvml_simulator.simulator import append_power

IDLE_W, PREFILL_W, DECODE_W = 60.0, 500.0, 250.0
PREFILL_S, DECODE_S = 0.06, 0.10


class Workplace:
    """A meter, a measurement, and a GPU that draws what the work says."""

    def __init__(self, control: Path, seed: int) -> None:
        self._control = control
        self.random = random.Random(seed)
        self.meter = open_nvml_meter()
        self.meter.calibrate(0.3)
        self.sampler = GpuSampler(self.meter.devices, seed=seed)
        self.sampler.start()
        self.measurement = Measurement([self.meter], synchronise=lambda: None, integral=self.sampler)
        self._draw(IDLE_W)

    def idle(self, duration_s: float) -> None:
        self.measurement.measure("idle", lambda: time.sleep(duration_s))

    def window(self, phase: str, *stretches: tuple[float, float], repeat: int = 1, repetitions: int = 1) -> None:
        """Measure ``stretches`` of (power, duration), after a pause that ends anywhere between two ticks."""
        time.sleep(self.random.uniform(0, 0.03))
        edges: list[float] = []

        def work() -> None:
            for _ in range(repetitions):
                for power_w, duration_s in stretches:
                    edges.append(self._draw(power_w))
                    time.sleep(duration_s)
            edges.append(self._draw(IDLE_W))

        self.measurement.measure(phase, work, repeat=repeat, counted=True, query_count=1)
        window = self.measurement.windows[-1].model_dump(mode="json")
        sys.stdout.write(json.dumps({"start_s": edges[0], "end_s": edges[-1], "window": window}) + "\n")

    def _draw(self, power_w: float) -> float:
        return append_power(self._control, power_w=power_w)


def main() -> None:
    program, count, seed, control = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    OwnTime(seed=seed).install(sampler)
    work = Workplace(control, seed)
    if program == "constant":
        work.window("full", (300.0, 12.0))
    elif program == "square":
        work.idle(0.5)
        for _ in range(count):
            high_w, period_s = work.random.uniform(200, 600), work.random.uniform(0.02, 0.06)
            work.window("full", (high_w, period_s / 2), (2 * IDLE_W, period_s / 2), repetitions=5)
    elif program == "split":
        work.idle(0.5)
        for _ in range(count):
            for repeat in range(1, 6):
                prefill, full = (("prefill", (PREFILL_W, PREFILL_S)),), (("full", (PREFILL_W, PREFILL_S)),)
                order = [*prefill, *full][:: 1 if repeat % 2 else -1]
                for phase, prefill_stretch in order:
                    stretches = (prefill_stretch,) if phase == "prefill" else (prefill_stretch, (DECODE_W, DECODE_S))
                    work.window(phase, *stretches, repeat=repeat)
    work.sampler.stop()


if __name__ == "__main__":
    main()
