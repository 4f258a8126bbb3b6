"""Measured windows: what ran between two readings of every meter."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from energy_score.contract.repair import Repair, RepairLog
from energy_score.contract.run_report import Domain, MeterReading, PhaseEnergy
from energy_score.engine.meters.meter import Meter
from energy_score.engine.meters.nvml import NvmlMeter
from energy_score.engine.stalls import STALL_S, ClockReading, StallWatch
from energy_score.engine.window_figures import Work, device_figures, integral_figures

log = logging.getLogger(__name__)

# Source: METHOD.md, "Transient faults, sensors, intervals": a faulty window is measured again, at most twice.
_TRIES = 3
# Our choice: ten chunks in a window of 10 s see ten phases of the sensor, and pauses are 5 % of the time.
_CHUNK_S = 1.0
# Overhead that cannot be repeated (a model is loaded once), or is not a measurement.
_REPEATABLE_OVERHEAD = "idle"


class PowerIntegral(Protocol):
    """A second opinion on the same windows: the integral of sampled power."""

    def integral_j(self, start_s: float, end_s: float) -> dict[str, float]:
        """Energy in J by GPU UUID between two times of ``time.monotonic``; a GPU that was not sampled is absent."""


class Surroundings(Protocol):
    """What happens on the GPUs beside the work."""

    def look(self) -> None:
        """Look at the GPUs now."""

    def defects(self, measurement: "Measurement", start_s: float, end_s: float) -> tuple[str, ...]:
        """Return the codes of what spoilt a window between two times of ``time.monotonic``."""

    def temperature_c(self, start_s: float, end_s: float) -> dict[str, float]:
        """Return each GPU's mean temperature between the two times."""


class Trial(Protocol):
    """What the caller notes while a window is measured, and can take back."""

    def begin(self) -> None:
        """Remember how things are before the window."""

    def defects(self) -> tuple[str, ...]:
        """Return what went wrong with the queries of the window."""

    def undo(self) -> None:
        """Forget everything since ``begin``."""


@dataclass
class _Open:
    """The window being measured: its pauses as (from, until), and when the chunk under way began."""

    dithers: bool
    chunk_start_s: float = 0.0
    pauses_s: list[tuple[float, float]] = field(default_factory=list)

    @property
    def paused_s(self) -> float:
        return sum(until_s - from_s for from_s, until_s in self.pauses_s)


class Measurement:
    """Measures windows with all meters of a run and keeps them in order.

    A window opens at a tick of the GPUs' counters and closes at the first tick after its work. What a GPU used between
    the ticks and the work is taken off: at its idle power, or at the window's mean power as long as no idle window has
    shown that. The possible error of the energy is recorded with it.

    Work that starts in step with a sensor is seen at one of its phases only. So it begins a random 0 to ``dither_s``
    after the tick, and ``pause_between_queries`` waits as long about once a second; ``seed`` decides how long.

    A counted or idle window with a defect is measured again at once, up to twice, and replaced; ``repairs`` says so. A
    defect that stays is noted in the window, and not repaired in further windows of its phase.

    ``counted_spans_s`` are the edges of the counted windows that were kept, in s of ``time.monotonic``; ``arrivals_s``
    are the times, from and until, within which a process of the run came to the GPUs after the first of them, kept by
    whoever started it.
    """

    def __init__(
        self,
        meters: Sequence[Meter],
        *,
        synchronise: Callable[[], None],
        integral: PowerIntegral | None = None,
        surroundings: Surroundings | None = None,
        stalls: StallWatch | None = None,
        dither_s: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._meters = tuple(meters)
        self._synchronise = synchronise
        self._integral = integral
        self._surroundings = surroundings
        self._stalls = stalls
        self._dither_s = dither_s
        self._random = random.Random(seed)  # noqa: S311 - not used for security
        self._open: _Open | None = None
        self._lasting_defects: set[tuple[str, str]] = set()
        self.windows: list[PhaseEnergy] = []
        self.counted_spans_s: list[tuple[float, float]] = []
        self.arrivals_s: list[tuple[float, float]] = []
        self.repairs = RepairLog()

    def measure(
        self,
        phase: str,
        run_pass: Callable[[], None],
        *,
        repeat: int = 0,
        counted: bool = False,
        query_count: int = 0,
        min_duration_s: float = 0.0,
        trial: Trial | None = None,
        repeatable: bool = True,
    ) -> None:
        """Call ``run_pass`` at least once and until ``min_duration_s`` has gone by; keep one window a meter.

        The time of the pauses does not count. ``repeatable`` is false where the work cannot be done again at once.

        Raises:
            MeterError: a meter stopped giving readings.
        """
        may_repeat = repeatable and (counted or phase == _REPEATABLE_OVERHEAD)
        name = phase if phase == _REPEATABLE_OVERHEAD else f"{phase}, repeat {repeat}"
        for tries_left in range(_TRIES - 1 if may_repeat else 0, -1, -1):
            if trial is not None:
                trial.begin()
            began_at = datetime.now(UTC)
            windows, defects = self._measure_once(
                phase, run_pass, repeat=repeat, counted=counted, query_count=query_count, min_duration_s=min_duration_s
            )
            if trial is not None:
                defects += trial.defects()
            passing = [defect for defect in defects if (phase, defect) not in self._lasting_defects]
            if not passing or tries_left == 0:
                break
            log.warning("measuring again: phase=%s repeat=%d defects=%s", phase, repeat, "; ".join(passing))
            self.repairs.add(Repair(kind="window", subject=name, cause="; ".join(passing), count=1, first_at=began_at))
            if trial is not None:
                trial.undo()
        if may_repeat:
            self._lasting_defects |= {(phase, defect) for defect in defects}
        if counted:
            self.counted_spans_s.append((windows[0].start_s or 0.0, windows[0].end_s or 0.0))
        self.windows += [window.model_copy(update={"defects": defects}) for window in windows]

    def pause_between_queries(self) -> None:
        """Wait a random time if the last pause is more than a second ago; the caller has no query under way."""
        if self._open is None or not self._open.dithers or time.monotonic() - self._open.chunk_start_s < _CHUNK_S:
            return
        self._synchronise()
        from_s = time.monotonic()
        self._wait_at_random()
        self._open.chunk_start_s = time.monotonic()
        self._open.pauses_s.append((from_s, self._open.chunk_start_s))

    def discard(self, repeats: Sequence[int]) -> None:
        """Count no window of ``repeats`` any more: the GPU had not settled."""
        self.windows = [
            window.model_copy(update={"counted": False}) if window.counted and window.repeat in repeats else window
            for window in self.windows
        ]
        self.counted_spans_s = list(
            dict.fromkeys(
                (window.start_s, window.end_s)
                for window in self.windows
                if window.counted and window.start_s is not None and window.end_s is not None
            )
        )

    def energy_j(self, domain: Domain) -> float | None:
        """Energy of all windows so far in J, overhead included; None if no meter sees the domain."""
        energies = [window.total_j for window in self.windows if window.domain == domain]
        known = [energy_j for energy_j in energies if energy_j is not None]
        return sum(known) if known else None

    def idle_power_w(self, device: str) -> float | None:
        """Mean power of ``device`` in W over the idle windows so far; None before the first."""
        idle = [window for window in self.windows if window.phase == "idle" and device in window.energy_j]
        duration_s = sum(window.duration_s for window in idle)
        return sum(window.energy_j[device] for window in idle) / duration_s if duration_s else None

    def _measure_once(
        self,
        phase: str,
        run_pass: Callable[[], None],
        *,
        repeat: int,
        counted: bool,
        query_count: int,
        min_duration_s: float,
    ) -> tuple[list[PhaseEnergy], tuple[str, ...]]:
        """One window a meter, and the codes of what is wrong with it."""
        gpus_first = sorted(self._meters, key=lambda meter: meter.domain != "gpu")
        self._synchronise()
        self._look()
        clocks = ClockReading.now()
        # The GPUs' ticks are waited for outermost, so that the other meters see only the work.
        self._open = _Open(dithers=self._dither_s > 0 and phase not in ("load", "idle"))
        with_ticks = [meter for meter in gpus_first if self._open.dithers and isinstance(meter, NvmlMeter)]
        before: dict[Meter, MeterReading] = {meter: meter.read_at_tick() for meter in with_ticks}
        opened_s = time.monotonic()
        if self._open.dithers:
            self._wait_at_random()
        before |= {meter: meter.read_at_tick() for meter in gpus_first if meter not in before}
        opened_s = opened_s if with_ticks else time.monotonic()
        self._open.chunk_start_s = start_s = time.monotonic()
        passes = 0
        while passes == 0 or time.monotonic() - start_s - self._open.paused_s < min_duration_s:
            if passes > 0:
                self.pause_between_queries()
            run_pass()
            passes += 1
        self._synchronise()
        work = Work(opened_s, start_s, time.monotonic(), tuple(self._open.pauses_s))
        self._open = None
        after = {meter: meter.read_at_tick() for meter in reversed(gpus_first)}
        self._look()

        windows = [
            PhaseEnergy(
                phase=phase,
                repeat=repeat,
                counted=counted,
                passes=passes,
                query_count=query_count,
                duration_s=work.duration_s,
                pause_s=work.paused_s,
                start_s=work.start_s,
                end_s=work.end_s,
                domain=meter.domain if meter else None,
                source=meter.source if meter else None,
                energy_j={},
            )
            for meter in self._meters or (None,)
        ]
        for index, meter in enumerate(self._meters):
            figures = self._figures(meter, before[meter], after[meter], work, is_idle=phase == "idle")
            windows[index] = windows[index].model_copy(update=figures)
        return windows, self._defects(windows, after, work, clocks)

    def _defects(
        self,
        windows: Sequence[PhaseEnergy],
        after: dict[Meter, MeterReading],
        work: Work,
        clocks: ClockReading,
    ) -> tuple[str, ...]:
        codes = [fault for window in windows for fault in window.faults.values()]
        codes += ["late_tick" for reading in after.values() if reading.late and not reading.faults]
        if ClockReading.now().lost_s(clocks) >= STALL_S:
            codes.append("stalled")
        if self._stalls is not None and self._stalls.longest_stall_s(work.opened_s, work.end_s) >= STALL_S:
            codes.append("stalled")
        if self._surroundings is not None:
            codes += self._surroundings.defects(self, work.start_s, work.end_s)
        return tuple(dict.fromkeys(codes))

    def _figures(
        self, meter: Meter, first: MeterReading, last: MeterReading, work: Work, *, is_idle: bool
    ) -> dict[str, object]:
        """Energy, uncertainty, integral, temperature and faults of the window by device."""
        devices = {**first.energy_j, **first.faults}
        # An idle window is like what surrounds it.
        idle_w = {} if is_idle else {device: self.idle_power_w(device) for device in devices}
        figures = device_figures(first, last, work, idle_w=idle_w)
        if meter.domain == "gpu":
            if self._integral is not None:
                figures |= integral_figures(self._integral.integral_j, work, idle_w=idle_w)
            if self._surroundings is not None:
                figures["temperature_c"] = self._surroundings.temperature_c(work.start_s, work.end_s)
        return figures

    def _look(self) -> None:
        if self._surroundings is not None:
            self._surroundings.look()

    def _wait_at_random(self) -> None:
        time.sleep(self._random.uniform(0, self._dither_s))
