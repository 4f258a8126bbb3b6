import gzip
import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from energy_score.contract.errors import MeterError
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.nvml_devices import NvmlDevices
from tests.nvml_simulator.simulator import HOPPER_SENSORS, UUIDS, NvmlSimulator
from tests.support.patience import wait_until

SENSORS: dict[str, Any] = {**HOPPER_SENSORS}
SAMPLE = """
import json, time
from pathlib import Path
from energy_score.engine.meters import sampler as module
from tests.nvml_simulator.own_time import OwnTime
OwnTime().install(module)
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
with open_nvml_devices() as devices:
    sampler = GpuSampler(devices, period_s={period_s}, seed=7)
    sampler.start()
    time.sleep({lead_s})
    start_s = time.monotonic()
    time.sleep({window_s})
    end_s = time.monotonic()
    integral_j = sampler.integral_j(start_s, end_s)
    conditions = sampler.conditions((), [(start_s, end_s)])
    sampler.stop()
    again_j = sampler.integral_j(start_s, end_s)
    trace = Path({trace!r})
    sampler.write_trace(trace)
    first = trace.read_bytes()
    sampler.write_trace(trace)
print(json.dumps(dict(
    start_s=start_s, end_s=end_s, integral_j=integral_j, again_j=again_j,
    conditions=[gpu.model_dump() for gpu in conditions], same_trace=first == trace.read_bytes(),
)))
"""


def sample(
    simulator: NvmlSimulator,
    folder: Path,
    *,
    window_s: float = 0.5,
    lead_s: float = 0.0,
    period_s: float = 0.1,
    **settings: object,
) -> dict[str, Any]:
    trace = str(folder / "power_trace.csv.gz")
    script = SAMPLE.format(window_s=window_s, lead_s=lead_s, period_s=period_s, trace=trace)
    done = simulator.run(script, **settings)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_constant_power_with_identical_readings_integrates_within_one_percent(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    found = sample(nvml_simulator, tmp_path, window_s=1.5, gpus=2, watts="300,150", **SENSORS)
    duration_s = found["end_s"] - found["start_s"]
    assert found["integral_j"] == {
        UUIDS[0]: pytest.approx(300 * duration_s, rel=0.01),
        UUIDS[1]: pytest.approx(150 * duration_s, rel=0.01),
    }
    assert found["again_j"] == found["integral_j"]


def test_conditions_hold_what_was_seen_of_the_gpu(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    found = sample(
        nvml_simulator, tmp_path, window_s=0.6, period_s=0.05, throttle="0x44", power_limit_change_after_s=0.3, mig=1,
        memory_used_mib=4096,
    )  # fmt: skip
    (gpu,) = found["conditions"]
    assert gpu["sample_count"] >= 5
    assert gpu | {"sample_count": 0, "foreign_process_ids": []} == {
        "uuid": UUIDS[0], "counter_period_s": None, "counter_period_under_load_s": None, "power_period_s": None,
        "power_field": "instant", "default_power_limit_w": None,
        "sample_count": 0, "mean_power_w": 300, "peak_power_w": 300, "idle_power_w": None, "temperature_max_c": 45,
        "sm_clock_min_mhz": 1980, "sm_clock_max_mhz": 1980, "memory_peak_mib": 4096,
        "throttle_reasons": ["sw_power_cap", "hw_thermal_slowdown"], "power_limits_w": [700, 400],
        "foreign_process_ids": [], "mig_enabled": True,
    }  # fmt: skip


def test_a_process_on_the_gpu_before_the_run_is_foreign_and_the_run_itself_is_not(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    (gpu,) = sample(nvml_simulator, tmp_path, foreign_pid=2**22 + 1)["conditions"]
    assert gpu["foreign_process_ids"] == [2**22 + 1]
    (alone,) = sample(nvml_simulator, tmp_path)["conditions"]
    assert alone["foreign_process_ids"] == []


def test_a_process_that_appears_while_windows_are_measured_is_foreign(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"foreign_pid": 2**22 + 1, "foreign_after_s": 0.6}
    (gpu,) = sample(nvml_simulator, tmp_path, lead_s=0.3, window_s=1.6, **settings)["conditions"]
    assert gpu["foreign_process_ids"] == [2**22 + 1]


def test_the_trace_is_the_same_each_time_and_has_a_line_per_sample_and_gpu(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    assert sample(nvml_simulator, tmp_path, gpus=2)["same_trace"]
    lines = gzip.decompress((tmp_path / "power_trace.csv.gz").read_bytes()).decode().splitlines()
    assert lines[1:3] == ["0.0000,0,300.000,1980,45,0,", "0.0000,1,300.000,1980,45,0,"]
    assert len(lines) % 2 == 1
    assert [path.name for path in tmp_path.iterdir()] == ["power_trace.csv.gz"]


class SilentDevices:
    """One GPU about which NVML answers every question with an error."""

    uuids = ("GPU-a",)

    def power_field(self, uuid: str) -> None:
        return None

    def __getattr__(self, name: str) -> Callable[[str], object]:
        def fail(uuid: str) -> object:
            raise MeterError(f"{uuid}: {name} cannot be read")

        return fail


def test_a_gpu_that_does_not_answer_is_unknown_in_everything_and_ends_nothing() -> None:
    sampler = GpuSampler(cast("NvmlDevices", SilentDevices()), period_s=0.01, seed=1)
    sampler.start()
    start_s = time.monotonic()
    wait_until(lambda: len(sampler._times_s) >= 4)
    end_s = time.monotonic()
    sampler.stop()
    assert sampler.integral_j(start_s, end_s) == {}
    (gpu,) = sampler.conditions((), [(start_s, end_s)])
    assert gpu.sample_count >= 2
    assert gpu.model_dump(exclude_defaults=True).keys() == {"uuid", "sample_count"}


class ForgetfulDevices(SilentDevices):
    """One GPU whose list of processes is empty, then has the run's own one, of which one answer is missing."""

    def __init__(self) -> None:
        self._lists: list[frozenset[int] | None] = [frozenset(), frozenset({7}), None, frozenset({7})]

    def compute_process_ids(self, uuid: str) -> frozenset[int]:
        process_ids = self._lists.pop(0)
        if process_ids is None:
            raise MeterError(f"{uuid}: the process list cannot be read")
        return process_ids


def test_a_process_does_not_become_another_one_when_a_list_of_them_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a container a process that appears within the windows is foreign, and the run's own was there before."""
    monkeypatch.setattr("energy_score.engine.meters.sampler._PROCESSES_EVERY_S", 0.0)
    monkeypatch.setattr("energy_score.engine.meters.sampler.ids_are_comparable", lambda: False)
    sampler = GpuSampler(cast("NvmlDevices", ForgetfulDevices()), seed=1)
    sampler._sample()
    sampler._sample()
    start_s = time.monotonic()
    sampler._sample()
    sampler._sample()
    (gpu,) = sampler.conditions((), [(start_s, time.monotonic())])
    assert gpu.foreign_process_ids == ()


def test_a_further_process_of_the_run_is_none_of_others_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every repeat of optimum-benchmark is; it may be seen a little after it has come."""
    monkeypatch.setattr("energy_score.engine.meters.sampler._PROCESSES_EVERY_S", 0.0)
    monkeypatch.setattr("energy_score.engine.meters.sampler.ids_are_comparable", lambda: False)
    sampler = GpuSampler(cast("NvmlDevices", ForgetfulDevices()), seed=1)
    sampler._sample()
    start_s = time.monotonic()
    sampler._sample()
    end_s = time.monotonic()
    (without,) = sampler.conditions((), [(start_s, end_s)])
    (gpu,) = sampler.conditions((), [(start_s, end_s)], arrivals_s=[(start_s - 1, start_s)])
    assert (without.foreign_process_ids, gpu.foreign_process_ids) == ((7,), ())


class WaitsTold(threading.Event):
    """A stop that comes with the hundredth wait; how long each was to take is in ``waits_s``."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0)
        return len(self.waits_s) == 100


def test_the_sampled_times_are_jittered_by_at_most_three_tenths_of_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    sampler, stop = GpuSampler(cast("NvmlDevices", SilentDevices()), period_s=0.02, seed=1), WaitsTold()
    monkeypatch.setattr(sampler, "_stopping", stop)
    sampler._sample_until_stopped()
    assert len(sampler._times_s) == 99
    assert 0.7 * 0.02 <= min(stop.waits_s) < 0.75 * 0.02
    assert 1.25 * 0.02 < max(stop.waits_s) <= 1.3 * 0.02
    assert statistics.mean(stop.waits_s) == pytest.approx(0.02, rel=0.05)
