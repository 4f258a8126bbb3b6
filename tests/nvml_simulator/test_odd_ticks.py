"""Counters that do not tick regularly, calls that fail or take long, and faults that end."""

import os
from itertools import pairwise
from pathlib import Path
from statistics import correlation, fmean, stdev
from typing import Any

import pytest

from tests.nvml_simulator.own_time import START_S
from tests.nvml_simulator.simulator import NvmlSimulator, true_energy_j, write_noisy_profile
from tests.nvml_simulator.test_simulator import WATCH_COUNTER, seen


def intervals(simulator: NvmlSimulator, *, watch_s: float = 3.0, **settings: object) -> list[tuple[float, float]]:
    """Interval and gain of each tick of the counter."""
    changes = seen(simulator, WATCH_COUNTER.format(watch_s=watch_s), **settings)
    return [(later[0] - earlier[0], later[1]) for earlier, later in pairwise(changes)]


def test_the_ticks_of_a_loaded_gpu_have_a_period_of_their_own(nvml_simulator: NvmlSimulator) -> None:
    settings = {"period_s": 0.02, "load_period_s": 0.2, "load_above_w": 150}
    idle = intervals(nvml_simulator, watts=70, **settings)
    busy = intervals(nvml_simulator, watts=300, **settings)
    assert fmean(interval for interval, _ in idle) == pytest.approx(0.02, rel=0.05)
    assert fmean(interval for interval, _ in busy) == pytest.approx(0.2, rel=0.05)


def test_jitter_moves_ticks_and_a_missed_tick_is_made_up_for(nvml_simulator: NvmlSimulator) -> None:
    jittered = intervals(nvml_simulator, period_s=0.05, tick_jitter=0.3)
    assert stdev(interval for interval, _ in jittered) > 0.005
    assert max(interval for interval, _ in jittered) <= 0.05 * 1.3 + 0.001
    missing = intervals(nvml_simulator, period_s=0.05, missed_ticks=0.3)
    assert max(interval for interval, _ in missing) > 0.09
    for interval, gained_j in missing:
        assert gained_j == pytest.approx(300 * interval, abs=300 * 0.002)


def test_one_tick_is_late_or_now_and_then_one(nvml_simulator: NvmlSimulator) -> None:
    settings = {"period_s": 0.05, "late_tick_after_s": 0.5}
    once = [interval for interval, _ in intervals(nvml_simulator, **settings) if interval > 0.1]
    often = [interval for interval, _ in intervals(nvml_simulator, late_tick_every_s=0.5, **settings) if interval > 0.1]
    assert once == [pytest.approx(0.2, abs=0.005)]
    assert len(often) == 5


def test_a_coarse_counter_shows_multiples_of_its_step(nvml_simulator: NvmlSimulator) -> None:
    gains = [gained_j for _, gained_j in intervals(nvml_simulator, period_s=0.02, step_mj=5000)]
    assert {round(gained_j, 6) for gained_j in gains} == {5.0, 10.0}


def test_a_counter_fed_by_a_part_time_sensor_is_wrong_about_work_in_step_with_it(
    nvml_simulator: NvmlSimulator,
) -> None:
    """Each 100 ms begin with 50 ms at 400 W, and the last 25 ms, which the sensor sees, are all at 100 W."""
    epoch_s = START_S - 0.5
    settings = {"profile": "square:100,400,0.1,0.5", "epoch_s": epoch_s, "period_s": 0.1}
    script = (
        "first_s, first = time.monotonic(), energy_j()\ntime.sleep(10)\nlast_s, last = time.monotonic(), energy_j()\n"
        "print(json.dumps([last - first, true_j(last_s) - true_j(first_s)]))"
    )
    whole_j, true_whole_j = seen(nvml_simulator, script, **settings)
    part_j, true_part_j = seen(nvml_simulator, script, part_time_s=0.025, **settings)
    assert true_whole_j == pytest.approx(2500, rel=0.01)
    assert whole_j == pytest.approx(true_whole_j, rel=0.02)
    assert part_j == pytest.approx(0.4 * true_part_j, rel=0.02)


def test_calls_fail_and_take_long_as_often_as_told_and_by_name(nvml_simulator: NvmlSimulator) -> None:
    script = """
def timed(read):
    start_s = time.monotonic()
    return answer(read), round(time.monotonic() - start_s, 2)
library.nvmlSimulatorFail(b"temperature", 1)
print(json.dumps([timed(energy_j)[0] == "NVMLError_Unknown", timed(energy_j)[0] == "NVMLError_Unknown",
    timed(energy_j)[0] == "NVMLError_Unknown", timed(instant_w), timed(instant_w),
    answer(lambda: pynvml.nvmlDeviceGetTemperature(gpu, 0)), answer(lambda: pynvml.nvmlDeviceGetTemperature(gpu, 0))]))
"""
    found: list[Any] = seen(nvml_simulator, script, fail="energy@0*2", slow="power@0*1:0.5")
    assert found[:3] == [True, True, False]
    assert found[3:5] == [[300.0, 0.5], [300.0, 0.0]]
    assert found[5:] == ["NVMLError_Unknown", 45]


@pytest.mark.parametrize("settings", [{"fail": "energy"}, {"fail": "enrgy@0*1"}, {"slow": "energy@0*1"}])
def test_a_fault_that_cannot_be_read_is_refused(nvml_simulator: NvmlSimulator, settings: dict[str, object]) -> None:
    done = nvml_simulator.run("import pynvml; pynvml.nvmlInit()", **settings)
    assert done.returncode != 0
    assert "NVML simulator:" in done.stderr


def test_faults_end_when_told(nvml_simulator: NvmlSimulator) -> None:
    script = """
def look():
    processes = [process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)]
    return [type(answer(energy_j)).__name__, 1 in processes, pynvml.nvmlDeviceGetEnforcedPowerLimit(gpu),
            pynvml.nvmlDeviceGetCurrentClocksEventReasons(gpu) if type(answer(energy_j)) is float else None]
before = look(); time.sleep(0.2); during = look(); time.sleep(0.2); after = look()
print(json.dumps([before, during, after]))
"""
    common = {"foreign_pid": 1, "throttle": "0x40"}
    times = {
        f"{name}_{edge}_s": at_s
        for name in ("lost", "foreign", "throttle", "power_limit_change")
        for edge, at_s in (("after", 0.1), ("until", 0.3))
    }
    before, during, after = seen(nvml_simulator, script, **common, **times)
    assert before == after == ["float", False, 700000, 0]
    assert during == ["str", True, 400000, None]


def test_a_counter_that_stood_still_has_counted_meanwhile(nvml_simulator: NvmlSimulator) -> None:
    script = """
readings = []
for _ in range(3):
    readings.append((time.monotonic(), energy_j())); time.sleep(0.2)
print(json.dumps(readings))
"""
    (first_s, first_j), (_, frozen_j), (last_s, last_j) = seen(
        nvml_simulator, script, freeze_after_s=0.1, freeze_until_s=0.35
    )
    assert frozen_j - first_j == pytest.approx(300 * 0.1, abs=1)
    assert last_j - first_j == pytest.approx(300 * (last_s - first_s), abs=1)


def test_a_counter_may_be_reset_again_and_again(nvml_simulator: NvmlSimulator) -> None:
    script = "readings = [energy_j() for _ in range(60) if not time.sleep(0.05)]\nprint(json.dumps(readings))"
    readings = seen(nvml_simulator, script, reset_after_s=0.5, reset_every_s=1.0)
    falls = sum(later < earlier for earlier, later in pairwise(readings))
    assert falls == 3


def test_a_module_draws_more_than_its_gpu_and_its_counter_counts_that(nvml_simulator: NvmlSimulator) -> None:
    script = """
def scoped_w(scope):
    return pynvml.nvmlDeviceGetFieldValues(gpu, [(pynvml.NVML_FI_DEV_POWER_INSTANT, scope)])[0].value.uiVal / 1000
first_s, first = time.monotonic(), energy_j(); time.sleep(0.5); last_s, last = time.monotonic(), energy_j()
print(json.dumps([scoped_w(0), scoped_w(1), (last - first) / (last_s - first_s)]))
"""
    assert seen(nvml_simulator, script, module_w=80) == [300.0, 380.0, pytest.approx(380.0, rel=0.01)]


def test_a_process_has_another_id_in_the_machines_namespace(nvml_simulator: NvmlSimulator) -> None:
    script = """
print(json.dumps([process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)]))
"""
    assert seen(nvml_simulator, script, own_pid=4_000_001) == [4_000_001]
    assert seen(nvml_simulator, script) != [os.getpid()]


def test_a_noisy_profile_has_its_noise_and_a_truth_in_closed_form(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "noisy.txt"
    write_noisy_profile(path, 300, blocks=4000, block_s=0.01, deviation=0.02, correlation=0.8, seed=1)
    powers_w = [float(line.split()[1]) for line in path.read_text(encoding="ascii").splitlines()]
    assert stdev(powers_w) == pytest.approx(300 * 0.02, rel=0.15)
    assert correlation(powers_w, [*powers_w[1:], powers_w[0]]) == pytest.approx(0.8, abs=0.05)
    settings = {"profile": f"file:{path}", "epoch_s": START_S}
    window_s = (START_S + 1, START_S + 30)
    script = f"print(json.dumps(true_j({window_s[1]}) - true_j({window_s[0]})))"
    assert seen(nvml_simulator, script, **settings) == pytest.approx(true_energy_j(*window_s, settings), rel=1e-9)
    write_noisy_profile(path, 300, blocks=100, block_s=1.0, deviation=0.0, creep=0.03)
    creeping_w = [float(line.split()[1]) for line in path.read_text(encoding="ascii").splitlines()]
    assert creeping_w[0] == pytest.approx(291)
    assert creeping_w[-1] == pytest.approx(300, rel=0.002)
