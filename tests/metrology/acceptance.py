"""What the measurement is worth on simulated GPUs, as tables: ``python -m tests.metrology.acceptance [SECTION...]``.

Whole official runs by the engine's own code on a virtual clock (``official_run.py``), hundreds a section; ``--runs``
says how many. A test runs a few of each; this says the figures of docs/measurements.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tests.nvml_simulator.simulator import HOPPER_SENSORS, REPOSITORY, NvmlSimulator

Run = dict[str, Any]
_RUNS_A_CHILD = 10
PART_TIME = {"part_time_s": 0.025}
NO_DITHER = {"dither_s": 0, "shuffle_queries": False}
# Each fault once, and for good, with the reason that it has then (None: a lasting form that does no harm).
FAULTS: dict[str, tuple[Mapping[str, object], Mapping[str, object], str | None]] = {
    "a failed read in the calibration": ({"fail": "energy@0.5*1"}, {"fail": "energy@0.5*0"}, "counter_lost"),
    "a failed read while a window opens or closes": ({"fail": "energy@62*1"}, {"fail": "energy@62*0"}, "counter_lost"),
    "a failed read in the idle window": ({"fail": "energy@31*1"}, {"fail": "energy@2*0"}, "counter_lost"),
    "the power cannot be read": ({"fail": "power@60*1"}, {"fail": "power@60*0"}, None),
    "the process list cannot be read": ({"fail": "processes@60*1"}, {"fail": "processes@60*0"}, None),
    "the power limit cannot be read": ({"fail": "limit@60*1"}, {"fail": "limit@60*0"}, None),
    "a lost GPU": ({"lost_after_s": 60, "lost_until_s": 64}, {"lost_after_s": 60}, "counter_lost"),
    "ticks 150 ms late, one in 7 s, and all": (
        {"late_tick_after_s": 60, "late_tick_every_s": 7}, {"late_tick_after_s": 60, "late_tick_every_s": 0.01}, None,
    ),
    "a counter that stands still": (
        {"freeze_after_s": 60, "freeze_until_s": 75}, {"freeze_after_s": 60}, "counter_frozen",
    ),
    "a reset counter": ({"reset_after_s": 60}, {"reset_after_s": 60, "reset_every_s": 4}, "counter_reset"),
    "ticks of 20 ms under load": ({"load_period_s": 0.02}, {"load_period_s": 0.02}, None),
    "ticks of 200 ms under load": ({"load_period_s": 0.2}, {"load_period_s": 0.2}, None),
    "steps of 5 J": ({"step_mj": 5000}, {"step_mj": 5000}, None),
    "the power limit off by 1 mW, and changed by 300 W": (
        {"power_limit_change_after_s": 60, "power_limit_changed_w": 699.999},
        {"power_limit_change_after_s": 100}, "power_limit_changed",
    ),
    "another power limit for 4 s": (
        {"power_limit_change_after_s": 60, "power_limit_change_until_s": 64},
        {"power_limit_change_after_s": 100}, "power_limit_changed",
    ),
    "another process on the GPU": (
        {"foreign_pid": 1, "foreign_after_s": 60, "foreign_until_s": 64},
        {"foreign_pid": 1, "foreign_after_s": 60}, "foreign_process",
    ),
    "a hardware slowdown": (
        {"throttle": "0x40", "throttle_after_s": 60, "throttle_until_s": 64},
        {"throttle": "0x40", "throttle_after_s": 60}, "hardware_slowdown",
    ),
    "a counter that is read slowly": ({"slow": "energy@60*1:3"}, {"slow": "energy@60*0:0.3"}, None),
}  # fmt: skip


class Laboratory:
    """Runs official runs in children, as many at a time as there are cores."""

    def __init__(self, folder: Path) -> None:
        self.simulator = NvmlSimulator(folder)
        self.simulator.build()
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def runs(self, count: int, order: Mapping[str, object], **settings: object) -> Callable[[], list[Run]]:
        """Start ``count`` runs, and return a function that waits for them."""
        children = [
            self._pool.submit(
                self._child, {**order, "seed": first, "runs": min(_RUNS_A_CHILD, count - first)}, settings
            )
            for first in range(0, count, _RUNS_A_CHILD)
        ]
        return lambda: [run for child in children for run in child.result()]

    def _child(self, order: Mapping[str, object], settings: Mapping[str, object]) -> list[Run]:
        seeds = {"tick_seed": order["seed"]}
        environment = self.simulator.environment(
            PYTHONPATH=REPOSITORY, **(dict(HOPPER_SENSORS) | {"watts": 70} | seeds | dict(settings))
        )
        command = [sys.executable, "-m", "tests.metrology.official_run", json.dumps(dict(order))]
        child = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
        if child.returncode != 0:
            raise RuntimeError(f"{order} {settings}: {child.stderr}")
        return [json.loads(line) for line in child.stdout.splitlines()]


def invalid_codes(run: Run) -> set[str]:
    """The reasons that bar a rating, beside that the GPU is simulated."""
    return set(run["invalid"]) - {"not_a_gpu_measurement"}


def off(run: Run, *, truth: str = "true_j") -> float:
    """How far a run's mean is from the truth, as a part of it."""
    return float(run["mean_j"] / run[truth] - 1)


def covers(run: Run) -> bool:
    """Whether the stated interval of the mean holds the truth."""
    return bool(abs(run["mean_j"] - run["true_j"]) <= run["half_width_j"])


def summary(runs: list[Run]) -> str:
    """Bias with its standard error, coverage and mean half-width of the interval."""
    errors = [off(run) for run in runs]
    bias, error = fmean(errors), stdev(errors) / math.sqrt(len(errors))
    width = fmean(run["half_width_j"] / run["true_j"] for run in runs)
    return f"{bias:+.2%} ± {2 * error:.2%} | {fmean(map(covers, runs)):.3f} | ±{width:.2%}"


def aliasing(laboratory: Laboratory, count: int) -> Iterator[str]:
    """Steady loops on a counter fed by the part-time sensor, with pauses and without."""
    yield "| loop | pauses | bias ± 2 standard errors | coverage | mean half-width |"
    yield "|---|---|---|---|---|"
    cases = [(load, policy) for load in ("classifier", "detector") for policy in ({}, NO_DITHER)]
    waiting = [laboratory.runs(count, {"load": load, "policy": policy}, **PART_TIME) for load, policy in cases]
    for (load, policy), wait in zip(cases, waiting, strict=True):
        loop = "20.0 ms" if load == "classifier" else "50.0 ms"
        yield f"| {loop} | {'none' if policy else '0 to 100 ms'} | {summary(wait())} |"


def healthy(laboratory: Laboratory, count: int) -> Iterator[str]:
    """Healthy GPUs that are declared invalid."""
    yield "| load | counter | invalid | reasons | `drift` | bias ± 2 standard errors | coverage | half-width |"
    yield "|---|---|---|---|---|---|---|---|"
    loads = ("classifier", "detector", "encoder", "qa", "text", "diffusion")
    cases = [(load, name, fed) for load in loads for name, fed in (("whole", {}), ("part-time", PART_TIME))]
    waiting = [laboratory.runs(count, {"load": load}, **fed) for load, _, fed in cases]
    for (load, name, _), wait in zip(cases, waiting, strict=True):
        runs = wait()
        codes = Counter(code for run in runs for code in invalid_codes(run))
        share = fmean(bool(invalid_codes(run)) for run in runs)
        drift = fmean("drift" in run["codes"] for run in runs)
        yield f"| {load} | {name} | {share:.1%} | {dict(codes) or ''} | {drift:.1%} | {summary(runs)} |"


def faults(laboratory: Laboratory, count: int) -> Iterator[str]:
    """Each fault once, and for good."""
    del count
    yield "| fault | once: verdict | repaired | energy off by | bound | lasting: verdict | energy off by |"
    yield "|---|---|---|---|---|---|---|"
    order = {"load": "qa"}
    waiting = [
        (laboratory.runs(1, order, **once), laboratory.runs(1, order, **lasting))
        for once, lasting, _ in FAULTS.values()
    ]
    for name, (once, lasting) in zip(FAULTS, waiting, strict=True):
        (healed,), (lost,) = once(), lasting()
        repairs = "; ".join(f"{kind}: {cause} ({times})" for kind, _, cause, times in healed["repairs"])
        verdicts = [", ".join(sorted(invalid_codes(run))) or "valid" for run in (healed, lost)]
        energies = ["none" if run["mean_j"] is None else f"{off(run):+.3%}" for run in (healed, lost)]
        bound = fmean(healed["uncertainties"])
        yield f"| {name} | {verdicts[0]} | {repairs} | {energies[0]} | {bound:.2%} | {verdicts[1]} | {energies[1]} |"


NOISES: dict[str, dict[str, float]] = {
    "independent": {"deviation": 0.01},
    "AR(1) 0.5": {"deviation": 0.01, "correlation": 0.5},
    "AR(1) 0.8": {"deviation": 0.01, "correlation": 0.8},
    "creep of 3 % over 3 repeats": {"deviation": 0.005, "creep": 0.03},
}


def coverage(laboratory: Laboratory, count: int) -> Iterator[str]:
    """How often the interval holds the truth when repeats are noisy, resemble each other, or creep."""
    yield "| noise of a window | repeats | coverage | covers or `drift` | `drift` | mean half-width |"
    yield "|---|---|---|---|---|---|"
    cases = [(name, repeats) for name in NOISES for repeats in (10, 20)]
    waiting = [
        laboratory.runs(count, {"load": "diffusion", "noise": NOISES[name], "policy": {"repeats": repeats}})
        for name, repeats in cases
    ]
    for (name, repeats), wait in zip(cases, waiting, strict=True):
        runs = wait()
        drifts = ["drift" in run["codes"] for run in runs]
        either = fmean(one or covers(run) for one, run in zip(drifts, runs, strict=True))
        width = fmean(run["half_width_j"] / run["true_j"] for run in runs)
        covered = fmean(map(covers, runs))
        yield f"| {name} | {repeats} | {covered:.3f} | {either:.3f} | {fmean(drifts):.1%} | ±{width:.2%} |"


def stalls(laboratory: Laboratory, count: int) -> Iterator[str]:
    """A query that hangs once, and every time."""
    del count
    yield "| a query hangs for 12 s | verdict | repaired | energy off by |"
    yield "|---|---|---|---|"
    cases = {"in a counted window": [(100.0, 12.0)], "in every window": [(60.0 + 30 * at, 12.0) for at in range(60)]}
    waiting = [laboratory.runs(1, {"load": "text", "hangs": hangs}) for hangs in cases.values()]
    for name, wait in zip(cases, waiting, strict=True):
        (run,) = wait()
        repairs = "; ".join(f"{subject}: {cause} ({times})" for _, subject, cause, times in run["repairs"])
        verdict = ", ".join(sorted(invalid_codes(run))) or "valid"
        yield f"| {name} | {verdict} | {repairs} | {off(run):+.3%} |"


SECTIONS = {"aliasing": aliasing, "healthy": healthy, "faults": faults, "coverage": coverage, "stalls": stalls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=list(SECTIONS))
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory(Path(folder))
        for name in arguments.sections:
            section = SECTIONS[name]
            sys.stdout.write(f"\n## {section.__doc__}\n\n")
            for line in section(laboratory, arguments.runs):
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
