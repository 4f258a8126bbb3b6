"""The windows to measure, and how one meter's program measures them; standard library alone, for any environment.

A program is started as ``python -m benchmarks.meter_windows.NAME PLAN``, ``PLAN`` the JSON of a ``Plan``, with the
simulated NVML on its loader path; it prints the JSON of its outcomes.
"""

import json
import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.nvml_simulator.simulator import append_power

Load = Callable[[], None]
Step = tuple[float, float]

TICK_S = 0.1  # the simulated counter's period; GPU 0 ticks at its multiples
PAUSE_S = 0.25
_PHASE_STEP = 0.618034  # spreads the windows' begins evenly between two ticks, the same for every meter
_NAP_S = 0.002  # before a moment that must be met; the rest is spun away


@dataclass(frozen=True)
class Plan:
    """``windows`` windows of ``duration_s`` each.

    In each the GPU draws ``steps``, (s after the window's begin, W), after it ``tail_w`` for ``tail_s`` and then
    ``idle_w``, all written to ``control``; without steps the load says nothing and the simulator's profile holds.
    ``not_before_s`` (monotonic) is when the first window may begin, for an event at a set time. ``by_power`` asks for
    the integral of sampled power.
    """

    windows: int
    duration_s: float
    steps: tuple[Step, ...] = ()
    idle_w: float = 60.0
    tail_w: float = 0.0
    tail_s: float = 0.0
    control: str = ""
    not_before_s: float = 0.0
    by_power: bool = False


@dataclass(frozen=True)
class Outcome:
    """One window: the work's true edges (monotonic, s), what the meter said of it, and what measuring cost.

    ``energy_j`` is None if the meter gave no figure. ``said`` holds warnings, errors and flags. ``wall_s`` and
    ``cpu_s`` are of the whole window less the load's own.
    """

    first_s: float
    last_s: float
    energy_j: float | None
    said: tuple[str, ...]
    wall_s: float
    cpu_s: float


@dataclass
class _Work:
    """The load of one window; it remembers when it ran and what it cost."""

    plan: Plan
    first_s: float = 0.0
    last_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __call__(self) -> None:
        cpu_s = time.thread_time()  # a meter's own threads at work meanwhile are its cost
        self.first_s = time.monotonic()
        self.last_s = self.first_s + self.plan.duration_s
        if self.plan.steps:
            tail = ((self.plan.duration_s, self.plan.tail_w),) if self.plan.tail_s else ()
            idle = (self.plan.duration_s + self.plan.tail_s, self.plan.idle_w)
            for after_s, power_w in (*self.plan.steps, *tail, idle):
                append_power(Path(self.plan.control), power_w=power_w, time_s=self.first_s + after_s)
        wait_until(self.last_s)
        self.wall_s = time.monotonic() - self.first_s
        self.cpu_s = time.thread_time() - cpu_s


class _Heard(logging.Handler):
    """Everything that is logged at WARNING or above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def serve(open_meter: Callable[[Plan], Callable[[Load], float | None]], *, loggers: Sequence[str] = ()) -> None:
    """Measure the windows of the plan on the command line and print the outcomes.

    ``open_meter`` gives the function that measures one call of a load: its energy in J, or None. What it warns of,
    logs to ``loggers``, or raises is kept with the window.
    """
    given = json.loads(sys.argv[1])
    plan = Plan(**{**given, "steps": tuple((after_s, power_w) for after_s, power_w in given["steps"])})
    heard = _Heard()
    for name in loggers:
        logging.getLogger(name).addHandler(heard)
    measure = open_meter(plan)
    time.sleep(max(0.0, plan.not_before_s - time.monotonic()))
    outcomes = []
    for number in range(plan.windows):
        first_tick = math.ceil((time.monotonic() + (PAUSE_S if plan.duration_s else 0)) / TICK_S)
        wait_until((first_tick + (0.5 + number * _PHASE_STEP) % 1) * TICK_S)
        heard.said.clear()
        outcomes.append(asdict(_measured(measure, _Work(plan), heard.said)))
    print(json.dumps(outcomes), flush=True)


def wait_until(moment_s: float) -> None:
    """Return at ``moment_s`` of the monotonic clock, to some microseconds; at once if it is past."""
    left_s = moment_s - time.monotonic() - _NAP_S
    if left_s > 0:
        time.sleep(left_s)
    while time.monotonic() < moment_s:
        pass


def _measured(measure: Callable[[Load], float | None], work: _Work, said: list[str]) -> Outcome:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        begin_s, begin_cpu_s = time.monotonic(), time.process_time()
        try:
            energy_j = measure(work)
        except Exception as error:  # noqa: BLE001 - whatever a meter raises is its answer
            energy_j = None
            said.append(f"{type(error).__name__}: {error}")
        wall_s, cpu_s = time.monotonic() - begin_s, time.process_time() - begin_cpu_s
    return Outcome(
        first_s=work.first_s,
        last_s=work.last_s,
        energy_j=energy_j,
        said=(*said, *(str(warning.message) for warning in warned)),
        wall_s=wall_s - work.wall_s,
        cpu_s=cpu_s - work.cpu_s,
    )
