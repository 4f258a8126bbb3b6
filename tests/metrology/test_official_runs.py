"""Whole official runs on simulated GPUs: what is repaired, what is not, and what the intervals are worth.

The figures over hundreds of runs are in docs/measurements; ``acceptance.py`` makes them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from statistics import fmean

import pytest

from tests.metrology.acceptance import FAULTS, NO_DITHER, PART_TIME, Laboratory, Run, covers, invalid_codes, off
from tests.nvml_simulator.simulator import HOPPER_SENSORS, REPOSITORY, NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.slow

FAULT_NAMES = list(FAULTS)
# A window of 2 s: nothing of what is tested here depends on how long it is.
SHORT = {"repeats": 2, "discarded_repeats": 0, "max_discarded_repeats": None, "min_phase_s": 2, "idle_baseline_s": 2}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    folder = tmp_path_factory.mktemp("nvml")
    if NvmlSimulator(folder).compiler is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    return Laboratory(folder)


@pytest.fixture(scope="module")
def fault_runs(laboratory: Laboratory) -> dict[str, tuple[Run, Run]]:
    """A run in which the fault happens once, and one in which it lasts; side by side."""
    waiting = {
        name: (laboratory.runs(1, {"load": "qa"}, **once), laboratory.runs(1, {"load": "qa"}, **lasting))
        for name, (once, lasting, _) in FAULTS.items()
    }
    return {name: (once()[0], lasting()[0]) for name, (once, lasting) in waiting.items()}


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_a_transient_fault_does_not_cost_the_run(fault_runs: dict[str, tuple[Run, Run]], name: str) -> None:
    run, _ = fault_runs[name]
    assert invalid_codes(run) == set()
    assert run["repeats"] == 10
    assert abs(off(run)) <= fmean(run["uncertainties"])
    for error, bound in zip(run["window_errors"], run["uncertainties"], strict=True):
        assert abs(error) <= bound


@pytest.mark.parametrize("name", FAULT_NAMES)
def test_a_lasting_fault_has_its_reason_or_does_no_harm(fault_runs: dict[str, tuple[Run, Run]], name: str) -> None:
    _, run = fault_runs[name]
    reason = FAULTS[name][2]
    if reason is None:
        assert invalid_codes(run) == set()
        assert abs(off(run)) <= fmean(run["uncertainties"])
    else:
        assert reason in invalid_codes(run)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("a reset counter", "counter_reset"),
        ("a counter that stands still", "counter_frozen"),
        ("another process on the GPU", "foreign_process"),
        ("another power limit for 4 s", "power_limit_changed"),
        ("a hardware slowdown", "hardware_slowdown"),
    ],
)
def test_the_report_says_which_window_was_measured_again_and_why(
    fault_runs: dict[str, tuple[Run, Run]], name: str, cause: str
) -> None:
    run, _ = fault_runs[name]
    assert cause in {found for kind, _, found, _ in run["repairs"] if kind == "window"}


def test_a_query_that_hangs_once_is_measured_again_and_one_that_always_does_is_a_stall(laboratory: Laboratory) -> None:
    once = laboratory.runs(1, {"load": "text", "hangs": [(100.0, 12.0)]})
    always = laboratory.runs(1, {"load": "text", "hangs": [(60.0 + 30 * at, 12.0) for at in range(60)]})
    (healed,), (stalled,) = once(), always()
    assert invalid_codes(healed) == set()
    assert [cause for _, _, cause, _ in healed["repairs"]] == ["stalled"]
    assert invalid_codes(stalled) == {"stalled"}


def test_pauses_take_the_bias_of_a_part_time_sensor_away(laboratory: Laboratory) -> None:
    """20 runs of a steady 50 ms loop; over 200 runs see docs/measurements."""
    with_pauses = laboratory.runs(20, {"load": "detector"}, **PART_TIME)
    without = laboratory.runs(20, {"load": "detector", "policy": NO_DITHER}, **PART_TIME)
    dithered, locked = with_pauses(), without()
    assert abs(fmean(map(off, dithered))) < 0.03 < abs(fmean(map(off, locked)))
    assert fmean(map(covers, dithered)) >= 0.9 > fmean(map(covers, locked))
    assert [run for run in dithered if invalid_codes(run)] == []


def test_a_verifier_finds_every_window_of_a_run_with_pauses_and_repairs_in_its_trace(laboratory: Laboratory) -> None:
    (run,) = laboratory.runs(1, {"load": "qa", "trace": True}, **FAULTS["another process on the GPU"][0])()
    assert run["repairs"]
    assert run["trace_findings"] == []


def test_the_same_seed_gives_the_same_pauses_and_orders(laboratory: Laboratory) -> None:
    first, again = (laboratory.runs(1, {"load": "diffusion"})() for _ in range(2))
    assert first == again


@pytest.fixture(params=["prefill", "full", "idle"])
def stopped_run(request: pytest.FixtureRequest, laboratory: Laboratory) -> tuple[str, Run]:
    """A run in the machine's time that is stopped for 2 s in a window of that phase."""
    order = {"load": "text", "seed": 1, "runs": 1, "clock": "machine", "policy": SHORT}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.metrology.official_run", json.dumps(order)],
        cwd=REPOSITORY, env=laboratory.simulator.environment(PYTHONPATH=REPOSITORY, watts=70, **HOPPER_SENSORS),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stderr is not None
    # The first idle window follows the calibration under load, the first repeat's phases say when they begin.
    sign = "under load" if request.param == "idle" else f"phase={request.param} repeat=2"
    for line in child.stderr:
        if sign in line:
            break
    time.sleep(1.0)
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(2.0)
    os.kill(child.pid, signal.SIGCONT)
    output, errors = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, errors
    return request.param, json.loads(output)


def test_a_run_that_was_stopped_measures_the_window_again_or_says_that_it_stalled(
    stopped_run: tuple[str, Run],
) -> None:
    """On a machine that is too busy for two more tries the reason is right as well."""
    phase, run = stopped_run
    repaired = {subject for kind, subject, cause, _ in run["repairs"] if kind == "window" and "stalled" in cause}
    assert any(subject.startswith(phase) for subject in repaired), run["repairs"]
