"""The workbench of the GPU suite: a real CUDA device, or the simulated NVML with work that only says what it draws."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from energy_score.contract.run_report import PhaseEnergy
from energy_score.engine.measurement import Measurement
from energy_score.engine.meters.nvml import NvmlMeter, open_nvml_meter
from energy_score.engine.meters.sampler import GpuSampler

# What a simulated GPU draws while it works, and while it does not.
SIMULATED_BUSY_W, SIMULATED_IDLE_W = 300.0, 60.0
# Of the full suite's durations and sizes, in the reduced form.
REDUCED = 0.1
_MATRIX = 8192
_UNIT_S = 1.0
_IDLE_S = 3.0


@dataclass
class Bench:
    """One GPU, its meter, and work to put on it; ``scale`` shortens every duration (1.0 on a real GPU)."""

    folder: Path
    simulated: bool
    meter: NvmlMeter = field(default_factory=open_nvml_meter)
    _matrices: Any = None
    _idle_window: PhaseEnergy | None = None

    @property
    def scale(self) -> float:
        """The part of the full durations that this bench takes."""
        return REDUCED if self.simulated else 1.0

    def window(self, work: Callable[[], object], *, sampled: bool = True) -> PhaseEnergy:
        """Measure one window of ``work``; its edges are subtracted at the idle power of this bench."""
        if self._idle_window is None:
            self._idle_window = self._measured("idle", partial(time.sleep, _IDLE_S), sampled=False)
        return self._measured("full", work, sampled=sampled)

    def _measured(self, phase: str, work: Callable[[], object], *, sampled: bool) -> PhaseEnergy:
        sampler = GpuSampler(self.meter.devices, seed=42) if sampled else None
        if sampler is not None:
            sampler.start()
        measurement = Measurement([self.meter], synchronise=self.synchronise, integral=sampler)
        if self._idle_window is not None:
            measurement.windows.append(self._idle_window)
        measurement.measure(phase, lambda: _ignore(work()), counted=True)
        if sampler is not None:
            sampler.stop()
        return measurement.windows[-1]

    def synchronise(self) -> None:
        """Wait for the device."""
        if not self.simulated:
            torch.cuda.synchronize()

    def idle(self, duration_s: float) -> None:
        """Nothing, with the context alive."""
        time.sleep(duration_s)

    def busy(self, duration_s: float) -> int:
        """Matrix products for at least ``duration_s``; how many units of work that were."""
        units, end_s = 0, time.monotonic() + duration_s
        with self._drawing():
            while time.monotonic() < end_s:
                self._unit(min(_UNIT_S, duration_s))
                units += 1
        return units

    def busy_units(self, units: int) -> None:
        """Exactly ``units`` units of work."""
        with self._drawing():
            for _ in range(units):
                self._unit(_UNIT_S * self.scale)

    def _unit(self, simulated_s: float) -> None:
        if self.simulated:
            time.sleep(simulated_s)
            return
        if self._matrices is None:
            self._matrices = torch.randn(2, _MATRIX, _MATRIX, device="cuda", dtype=torch.bfloat16)
        for _ in range(100):
            torch.matmul(self._matrices[0], self._matrices[1])
        torch.cuda.synchronize()

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """On the simulator, draw more power for as long as the work lasts."""
        if not self.simulated:
            yield
            return
        from tests.nvml_simulator.simulator import append_power  # noqa: PLC0415 - only the reduced form needs it

        control = Path(os.environ["NVML_SIMULATOR_CONTROL"])
        append_power(control, power_w=SIMULATED_BUSY_W)
        try:
            yield
        finally:
            append_power(control, power_w=SIMULATED_IDLE_W)


def _ignore(_: object) -> None:
    """Work may return what it likes; a window wants nothing."""
