import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

from energy_score.contract.errors import MeterError
from energy_score.engine.meters.nvml import open_nvml_meter
from energy_score.shared.gpu.nvml_library import is_simulated, nvidia_driver_version
from tests.nvml_simulator.simulator import REPOSITORY, UUIDS, NvmlSimulator

MEASURE = """
import json, sys, time
from energy_score.contract.errors import MeterError
from energy_score.engine.meters.nvml import open_nvml_meter
times_s = []
def read(meter):
    times_s.append(time.monotonic())
    reading = meter.read()
    times_s.append(time.monotonic())
    return reading
try:
    meter = open_nvml_meter()
    first = read(meter)
    time.sleep({window_s})
    last = read(meter)
    meter.close()
except MeterError as error:
    sys.exit("MeterError: " + str(error))
print(json.dumps(dict(
    source=meter.source, domain=meter.domain, gpus=[gpu.model_dump() for gpu in meter.gpus],
    duration_s=last.time_s - first.time_s,
    least_s=times_s[2] - times_s[1], most_s=times_s[3] - times_s[0], faults=[first.faults, last.faults],
    energy_j={{uuid: last.energy_j[uuid] - first.energy_j[uuid] for uuid in last.energy_j}},
)))
"""


OWN_TIME = "from tests.nvml_simulator.own_time import OwnTime\nOwnTime().install()\n"


def measure(
    simulator: NvmlSimulator, *, window_s: float = 0.1, before: str = OWN_TIME, **settings: object
) -> dict[str, Any]:
    done = simulator.run(before + MEASURE.format(window_s=window_s), **settings)
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def refusal(simulator: NvmlSimulator, *, window_s: float = 0.1, **settings: object) -> str:
    done = simulator.run(MEASURE.format(window_s=window_s), **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("MeterError: "), done.stderr
    return done.stderr


def test_a_300_w_gpu_gives_300_j_in_one_second(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator, window_s=1, watts=300)
    assert measured["duration_s"] == pytest.approx(1, abs=0.03)
    assert measured["energy_j"] == {UUIDS[0]: pytest.approx(300 * measured["duration_s"], rel=0.001)}


def test_in_the_machines_time_the_energy_lies_between_the_least_and_the_most_that_was_drawn(
    nvml_simulator: NvmlSimulator,
) -> None:
    measured = measure(nvml_simulator, before="", watts=300)
    energy_j = measured["energy_j"][UUIDS[0]]
    assert 0.1 <= measured["least_s"] <= measured["most_s"]
    assert 300 * measured["least_s"] - 0.002 <= energy_j <= 300 * measured["most_s"] + 0.002


def test_figures_of_a_simulated_driver_are_labelled_simulated(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator)
    assert measured["source"] == "simulated"
    assert measured["domain"] == "gpu"
    gpu = {"uuid": UUIDS[0], "name": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "counter_scope": "gpu"}
    assert measured["gpus"] == [gpu]


@pytest.mark.parametrize("shown", ["1", UUIDS[1], UUIDS[1][:12]])
def test_of_two_gpus_only_the_visible_one_is_read(nvml_simulator: NvmlSimulator, shown: str) -> None:
    measured = measure(nvml_simulator, window_s=0.3, gpus=2, watts="300,150", CUDA_VISIBLE_DEVICES=shown)
    assert measured["energy_j"] == {UUIDS[1]: pytest.approx(150 * measured["duration_s"], rel=0.05)}


def test_each_visible_gpu_has_its_own_counter(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator, window_s=0.3, gpus=2, watts="300,150")
    energy_j = measured["energy_j"]
    assert energy_j[UUIDS[0]] == pytest.approx(2 * energy_j[UUIDS[1]], rel=0.05)


def test_a_counter_that_goes_back_gives_a_fault_and_no_energy(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator, window_s=0.6, reset_after_s=0.4)
    assert measured["energy_j"] == {}
    assert measured["faults"] == [{}, {UUIDS[0]: "counter_reset"}]


def test_a_gpu_without_counter_is_refused_by_name(nvml_simulator: NvmlSimulator) -> None:
    said = refusal(nvml_simulator, no_counter=1)
    assert UUIDS[0] in said
    assert "no total-energy counter" in said


def test_a_gpu_in_mig_mode_is_measured_and_left_to_the_verdict(nvml_simulator: NvmlSimulator) -> None:
    assert measure(nvml_simulator, mig=1)["energy_j"].keys() == {UUIDS[0]}


def test_a_mig_slice_among_the_visible_devices_is_refused(nvml_simulator: NvmlSimulator) -> None:
    assert "MIG slice" in refusal(nvml_simulator, CUDA_VISIBLE_DEVICES="MIG-7e1f")


def test_a_machine_whose_gpus_are_hidden_has_nothing_to_measure(nvml_simulator: NvmlSimulator) -> None:
    assert "shows none of them" in refusal(nvml_simulator, CUDA_VISIBLE_DEVICES="")


def test_unlike_gpus_by_index_are_refused_when_opened(nvml_simulator: NvmlSimulator) -> None:
    names = "NVIDIA H100 80GB HBM3,NVIDIA T4"
    assert "the GPUs differ" in refusal(nvml_simulator, gpus=2, names=names, CUDA_VISIBLE_DEVICES="0")
    measure(nvml_simulator, gpus=2, names=names, CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID")


@pytest.mark.parametrize(
    ("driver", "name", "simulated"),
    [
        ("580.65.06", "NVIDIA H100 80GB HBM3", False),
        ("580.00-simulated", "NVIDIA H100 80GB HBM3", True),
        ("580.65.06", "Simulated GPU", True),
    ],
)
def test_a_driver_or_a_name_that_says_so_is_simulated(driver: str, name: str, simulated: bool) -> None:  # noqa: FBT001
    assert is_simulated(driver, [name]) is simulated


def test_the_meter_imports_where_pynvml_is_not_installed_and_says_so_when_opened() -> None:
    script = (
        "import sys; sys.modules['pynvml'] = None\n"
        "from energy_score.contract.errors import MeterError\n"
        "from energy_score.engine.meters.nvml import open_nvml_meter\n"
        "try: open_nvml_meter()\n"
        "except MeterError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "pip install nvidia-ml-py" in done.stdout


def test_without_a_driver_the_meter_says_so() -> None:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        with pytest.raises(MeterError, match="no NVIDIA driver"):
            open_nvml_meter()
        assert nvidia_driver_version() is None
    else:
        pytest.skip("this machine has an NVIDIA driver")


@pytest.mark.gpu
def test_a_real_gpu_counts_energy_between_two_readings() -> None:
    if nvidia_driver_version() is None:
        pytest.skip("this machine has no NVIDIA driver")
    script = MEASURE.format(window_s=1)
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    assert measured["source"] == "nvml-counter"
    assert all(energy_j > 0 for energy_j in measured["energy_j"].values())


MODULE = """
import json
from energy_score.contract.errors import MeterError
from energy_score.engine.meters.nvml import open_nvml_meter
from energy_score.engine.meters.registry import open_meters

try:
    open_nvml_meter()
    refused = None
except MeterError as error:
    refused = str(error)
skipped = []
meters = open_meters("auto", on_skipped=lambda side, reason: skipped.append((side, reason)))
print(json.dumps({"refused": refused, "skipped": skipped, "scope": meters[0].gpus[0].counter_scope,
                  "field": type(meters[0]).__name__}))
"""


@pytest.mark.parametrize("settings", [{"names": "NVIDIA GH200 480GB"}, {"module_w": 80}])
def test_a_counter_of_a_whole_module_is_not_taken_for_the_gpus(
    nvml_simulator: NvmlSimulator, settings: dict[str, object]
) -> None:
    done = nvml_simulator.run(MODULE, **settings)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "covers the whole module" in found["refused"]
    assert (found["scope"], found["field"]) == ("module", "NvmlPowerMeter")
    assert found["skipped"][0] == ["gpu", found["refused"]]
