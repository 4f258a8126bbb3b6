import json
from typing import Any

import pytest

from energy_score.shared.gpu.clock_events import clock_event_names
from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

ASK = """
import json
from energy_score.shared.gpu.nvml_devices import open_nvml_devices
with open_nvml_devices() as devices:
    print(json.dumps({uuid: {
        "energy_mj": devices.energy_mj(uuid), "power_w": devices.power_w(uuid),
        "power_field": devices.power_field(uuid), "sm_clock_mhz": devices.sm_clock_mhz(uuid),
        "temperature_c": devices.temperature_c(uuid), "memory_used_mib": devices.memory_used_mib(uuid),
        "clock_event_mask": devices.clock_event_mask(uuid), "power_limit_w": devices.power_limit_w(uuid),
        "mig_enabled": devices.mig_enabled(uuid), "compute_process_ids": sorted(devices.compute_process_ids(uuid)),
    } for uuid in devices.uuids}))
"""


def ask(simulator: NvmlSimulator, **settings: object) -> dict[str, Any]:
    done = simulator.run(ASK, **settings)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_every_question_gives_what_the_gpu_says_in_the_unit_of_its_name(nvml_simulator: NvmlSimulator) -> None:
    answers = ask(
        nvml_simulator, watts=250, memory_used_mib=4096, throttle="0x44", power_limit_w=500, mig=1, own_process=0,
        foreign_pid=4711, temperature_c=61, sm_clock_mhz=1755,
    )[UUIDS[0]]  # fmt: skip
    assert answers.pop("energy_mj") > 0
    assert answers == {
        "power_w": 250, "power_field": "instant", "sm_clock_mhz": 1755, "temperature_c": 61, "memory_used_mib": 4096,
        "clock_event_mask": 0x44, "power_limit_w": 500, "mig_enabled": True, "compute_process_ids": [4711],
    }  # fmt: skip


def test_without_the_instant_power_the_average_is_read_and_named(nvml_simulator: NvmlSimulator) -> None:
    answers = ask(nvml_simulator, no_instant_power=1)[UUIDS[0]]
    assert (answers["power_field"], answers["power_w"]) == ("average", pytest.approx(300, abs=0.01))


def test_a_gpu_without_counter_answers_none_and_not_0(nvml_simulator: NvmlSimulator) -> None:
    assert ask(nvml_simulator, no_counter=1)[UUIDS[0]]["energy_mj"] is None


def test_only_the_visible_gpus_are_there(nvml_simulator: NvmlSimulator) -> None:
    assert list(ask(nvml_simulator, gpus=3, CUDA_VISIBLE_DEVICES="2,0")) == [UUIDS[2], UUIDS[0]]


def test_gpus_that_a_device_cgroup_keeps_from_this_process_are_not_numbered(nvml_simulator: NvmlSimulator) -> None:
    """NVML counts them and refuses their handles; a Slurm job's CUDA_VISIBLE_DEVICES counts its own GPUs from 0."""
    assert list(ask(nvml_simulator, gpus=3, forbidden_gpu=0)) == [UUIDS[1], UUIDS[2]]
    assert list(ask(nvml_simulator, gpus=3, forbidden_gpu=0, CUDA_VISIBLE_DEVICES="1")) == [UUIDS[2]]


def test_clock_events_have_the_names_of_nvidia_smi_and_unknown_bits_a_number() -> None:
    assert clock_event_names(0) == ()
    assert clock_event_names(0x1 | 0x40 | 0x80) == ("gpu_idle", "hw_thermal_slowdown", "hw_power_brake_slowdown")
    assert clock_event_names(0x400) == ("bit_10",)


RETRY = """
import json, time
from energy_score.contract.errors import MeterError
from energy_score.shared.gpu.nvml_devices import open_nvml_devices

with open_nvml_devices() as devices:
    (uuid,) = devices.uuids
    answers = []
    for _ in range(3):
        start_s = time.monotonic()
        try:
            answers.append(devices.energy_mj(uuid) is not None)
        except MeterError:
            answers.append(None)
        answers.append(time.monotonic() - start_s)
    repairs = [repair.model_dump(mode="json") for repair in devices.repairs.all()]
print(json.dumps({"answers": answers, "repairs": repairs}))
"""


def test_a_question_that_fails_is_asked_three_times_more_and_noted(nvml_simulator: NvmlSimulator) -> None:
    done = nvml_simulator.run(RETRY, fail="energy@0*3")
    found = json.loads(done.stdout)
    assert found["answers"][::2] == [True, True, True]
    assert found["answers"][1] >= 0.15
    (repair,) = found["repairs"]
    assert (repair["kind"], repair["count"]) == ("reading", 1)
    assert repair["subject"] == f"the total-energy counter of {UUIDS[0]}"
    assert "Unknown Error" in repair["cause"]


def test_a_question_that_fails_for_good_is_an_error_and_is_not_waited_for_again(nvml_simulator: NvmlSimulator) -> None:
    found = json.loads(nvml_simulator.run(RETRY, fail="energy@0*0").stdout)
    assert found["answers"][::2] == [None, None, None]
    assert found["answers"][1] >= 0.15 > found["answers"][3]
    assert found["repairs"] == []
