"""Zeus and CodeCarbon beside ours on one simulated GPU whose true energy is known. Every figure is simulated.

Each meter runs in a process of its own, all at the same time, and measures the same windows; peers live in
environments that are made where they are missing. Run: python -m benchmarks.meters_side_by_side [--quick]
[--venvs FOLDER] [--json FILE]
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import energy_score
from benchmarks.meter_windows.plan import Outcome, Plan, Step
from tests.nvml_simulator.simulator import HOPPER_SENSORS, REPOSITORY, NvmlSimulator, true_energy_j

OURS = "ours"
PEERS = {"zeus": "zeus==0.16.0", "codecarbon": "codecarbon==3.3.2"}
OURS_ALONE = "ours, no sampler"
PROGRAMS = {
    OURS: ("ours",), OURS_ALONE: ("ours", "--no-sampler"), "zeus": ("zeus_peer",), "codecarbon": ("codecarbon_peer",),
}  # fmt: skip

IDLE_W = 60.0
WORK_W = 300.0
TAIL_W, TAIL_S = 150.0, 0.2  # power that sinks slowly: what follows the work is then no idle power
SQUARE_HIGH_W = 600.0
SQUARE_PERIOD_S = 0.37  # no multiple of the counter's period, nor of the sensor's
# No multiples of the period either: a window of whole periods hides what its edges lose.
SHORT_S, LONG_S = 2.037, 10.037
STARTUP_S = 8.0  # a meter's imports and first task, before an event at a set time
SAMPLES_SHOWN = 160


@dataclass(frozen=True)
class Scenario:
    """Windows of one kind: the simulator's settings beside the sensors' periods, and the plan of each meter."""

    name: str
    plan: Plan
    settings: Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """One meter in one scenario; errors are relative to the truth, or None if it gave no figure."""

    scenario: str
    meter: str
    windows: int
    figures: int
    mean_error: float | None
    worst_error: float | None
    wall_ms: float
    cpu_ms: float
    said: tuple[str, ...]


def square_steps(duration_s: float) -> tuple[Step, ...]:
    """A square wave between idle and high power over a whole window, high first."""
    halves = int(duration_s / SQUARE_PERIOD_S * 2) + 1
    steps = ((half * SQUARE_PERIOD_S / 2, IDLE_W if half % 2 else SQUARE_HIGH_W) for half in range(halves))
    return tuple(step for step in steps if step[0] < duration_s)


def scenarios(*, quick: bool) -> tuple[Scenario, ...]:
    """All scenarios; ``quick`` measures fewer windows, none of 10 s and none with a tail."""
    count = 2 if quick else 8
    long_s = SHORT_S if quick else LONG_S
    constant, idle = {"watts": WORK_W}, {"watts": IDLE_W}
    no_counter = {**constant, "no_counter": 1}
    steady = Plan(count, SHORT_S)
    long = Plan(4, LONG_S)
    step = replace(steady, steps=((0.0, WORK_W),), idle_w=IDLE_W)
    tail = replace(step, tail_w=TAIL_W, tail_s=TAIL_S)
    square = replace(steady, steps=square_steps(SHORT_S), idle_w=IDLE_W)
    found = [
        Scenario(f"300 W all the time, {SHORT_S} s", steady, constant),
        Scenario(f"300 W all the time, {LONG_S} s", long, constant),
        Scenario(f"60 W, 300 W for {SHORT_S} s, 60 W", step, idle),
        Scenario(f"60 W, 300 W for {SHORT_S} s, 150 W for {TAIL_S} s, 60 W", tail, idle),
        Scenario(f"60 W, square 60/600 W for {SHORT_S} s, 60 W", square, idle),
        Scenario("the same, counter reset inside", replace(square, windows=1), {**idle, "reset_after_s": STARTUP_S}),
        Scenario(f"no counter: 300 W by power, {long_s} s", Plan(1, long_s, by_power=True), no_counter),
        Scenario("nothing in the window", Plan(10 if quick else 30, 0.0), constant),
    ]
    return tuple(scenario for scenario in found if not quick or scenario.plan not in (long, tail))


def make_environments(folder: Path) -> dict[str, Path]:
    """The Python of each meter, a peer's in an environment of its own under ``folder``, made where it is missing."""
    pythons = {OURS: Path(sys.executable), OURS_ALONE: Path(sys.executable)}
    for name, requirement in PEERS.items():
        python = folder / requirement / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", requirement], check=True, capture_output=True)
        pythons[name] = python
    return pythons


def run_scenario(
    scenario: Scenario, *, simulator: NvmlSimulator, pythons: Mapping[str, Path], folder: Path
) -> list[Row]:
    """One row a meter, all measured at the same time; where nothing is in the window, one after another.

    Alone, because that scenario is for what measuring costs, and the others would be in its way.
    """
    epoch_s = time.monotonic()
    settings = {**HOPPER_SENSORS, **scenario.settings, "epoch_s": epoch_s}
    if scenario.plan.by_power:  # the sampler is then the meter itself
        pythons = {name: python for name, python in pythons.items() if name != OURS_ALONE}
    children: dict[str, subprocess.Popen[str]] = {}
    answers: dict[str, tuple[str, str]] = {}
    controls = {name: folder / f"{name}-{epoch_s}.txt" for name in pythons}
    begins_s = 0.0 if "reset_after_s" not in settings else epoch_s + STARTUP_S - scenario.plan.duration_s / 2
    for name, python in pythons.items():
        controls[name].touch()
        plan = replace(scenario.plan, control=str(controls[name]), not_before_s=begins_s)
        module, *options = PROGRAMS[name]
        children[name] = subprocess.Popen(
            [python, "-m", f"benchmarks.meter_windows.{module}", json.dumps(asdict(plan)), *options],
            cwd=folder,
            env=simulator.environment(
                PYTHONPATH=REPOSITORY, PATH=f"{simulator.folder}:/usr/bin:/bin", control=controls[name], **settings
            ),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if not scenario.plan.duration_s:
            answers[name] = children[name].communicate()
    for name in children.keys() - answers.keys():
        answers[name] = children[name].communicate()
    return [
        row_of(
            scenario, name, answer=answers[name], status=children[name].returncode,
            settings={**settings, "control": controls[name]},
        )
        for name in pythons
    ]  # fmt: skip


def row_of(
    scenario: Scenario, name: str, *, answer: tuple[str, str], settings: Mapping[str, object], status: int
) -> Row:
    """What one meter's program printed, held against the truth."""
    printed, complained = answer
    if status != 0:
        last_line = complained.strip().splitlines()[-1]
        return Row(scenario.name, name, 0, 0, None, None, float("nan"), float("nan"), (last_line,))
    outcomes = [Outcome(**{**found, "said": tuple(found["said"])}) for found in json.loads(printed)]
    said = [text for outcome in outcomes for text in outcome.said]
    said += [f"{outcome.energy_j:.0f} J" for outcome in outcomes if (outcome.energy_j or 0) < 0]
    errors = [error for outcome in outcomes if (error := relative_error(outcome, settings)) is not None]
    return Row(
        scenario=scenario.name,
        meter=name,
        windows=len(outcomes),
        figures=sum(outcome.energy_j is not None for outcome in outcomes),
        mean_error=statistics.fmean(abs(error) for error in errors) if errors else None,
        worst_error=max(errors, key=abs) if errors else None,
        wall_ms=1000 * statistics.median(outcome.wall_s for outcome in outcomes),
        cpu_ms=1000 * statistics.median(outcome.cpu_s for outcome in outcomes),
        said=tuple(dict.fromkeys(said)),
    )


def relative_error(outcome: Outcome, settings: Mapping[str, object]) -> float | None:
    """(measured - true) / true of one window; None without a figure, and of a window without energy."""
    truth_j = true_energy_j(outcome.first_s, outcome.last_s, settings)
    return None if outcome.energy_j is None or truth_j < 1 else (outcome.energy_j - truth_j) / truth_j


def table(rows: Iterable[Row]) -> str:
    """Markdown; each ratio is to ours in the same scenario."""
    rows = tuple(rows)
    ours = {row.scenario: row for row in rows if row.meter == OURS}
    lines = [
        "| simulated | meter | mean error | worst | error / ours | wall ms | wall / ours | CPU ms | CPU / ours |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        base = ours[row.scenario]
        cells = (
            row.scenario, row.meter, percent(row), percent(row, worst=True),
            ratio(row.mean_error, base.mean_error), f"{row.wall_ms:.2f}", ratio(row.wall_ms, base.wall_ms),
            f"{row.cpu_ms:.2f}", ratio(row.cpu_ms, base.cpu_ms),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    notes = [
        f"- {row.scenario}, {row.meter}: {text[:SAMPLES_SHOWN]}"
        for row in rows if row.said
        for text in row.said[:2]
    ]  # fmt: skip
    return "\n".join([*lines, "", "Said by the meters:", "", *(notes or ["- nothing"])])


def percent(row: Row, *, worst: bool = False) -> str:
    """The row's mean absolute error, or its worst with its sign; "no figure" where the meter gave none."""
    error = row.worst_error if worst else row.mean_error
    if error is None:
        return "-" if row.figures else "no figure"
    return f"{100 * error:{'+' if worst else ''}.3f} %"


def ratio(value: float | None, base: float | None) -> str:
    """How many times ``base`` the value is, as far as both are there."""
    return "-" if value is None or not base else f"{value / base:.3g}"


def versions(pythons: Mapping[str, Path]) -> dict[str, str]:
    """What was compared."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    found = {OURS: f"{energy_score.__version__} ({commit.stdout.strip()})", "python": platform.python_version()}
    for name in PEERS:
        show = f"import importlib.metadata as m; print(m.version({name!r}), m.version('nvidia-ml-py'))"
        found[name] = subprocess.run(
            [pythons[name], "-c", show], capture_output=True, text=True, check=True
        ).stdout.strip()
    return found


def main() -> int:
    """Print the table; write everything measured to ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter windows: under a minute")
    parser.add_argument("--venvs", type=Path, help="where the peers' environments are, or are made and kept")
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulator = NvmlSimulator(folder)
        simulator.build()
        nvidia_smi = folder / "nvidia-smi"  # CodeCarbon looks for no GPU without one
        nvidia_smi.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
        nvidia_smi.chmod(0o755)
        pythons = make_environments((arguments.venvs or folder / "venvs").absolute())
        compared = versions(pythons)
        print(f"All figures are simulated. {compared}\n")
        begin_s = time.monotonic()
        rows = [
            row
            for scenario in scenarios(quick=arguments.quick)
            for row in run_scenario(scenario, simulator=simulator, pythons=pythons, folder=folder)
        ]
        print(table(rows))
        print(f"\n{time.monotonic() - begin_s:.0f} s")
    if arguments.json:
        record = {"state": "simulated", "versions": compared, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
