"""Each setting does what the header of ``nvml_simulator.c`` says, seen through the real pynvml in a child process."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.nvml_simulator.own_time import START_S
from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator, append_power, true_energy_j

PRELUDE = """
import ctypes, json, os, time, pynvml
from tests.nvml_simulator.own_time import OwnTime
OwnTime().install()
pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
def energy_j(device=gpu): return pynvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000
def field_w(field):
    value = pynvml.nvmlDeviceGetFieldValues(gpu, [field])[0]
    pynvml._nvmlCheckReturn(value.nvmlReturn)
    return value.value.uiVal / 1000
def instant_w(): return field_w(pynvml.NVML_FI_DEV_POWER_INSTANT)
library = ctypes.CDLL("libnvidia-ml.so.1")
library.nvmlSimulatorTrueEnergy_mJ.restype = ctypes.c_double
def true_j(time_s, index=0): return library.nvmlSimulatorTrueEnergy_mJ(index, ctypes.c_double(time_s)) / 1000
def answer(read):
    try: return read()
    except pynvml.NVMLError as error: return type(error).__name__
"""
WATCH_COUNTER = """
changes, last, end_s = [], energy_j(), time.monotonic() + {watch_s}
while (now_s := time.monotonic()) < end_s:
    if (now := energy_j()) != last: changes.append((now_s, now - last)); last = now
print(json.dumps(changes))
"""


def seen(simulator: NvmlSimulator, script: str, **settings: object) -> Any:
    done = simulator.run(PRELUDE + script, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values(simulator: NvmlSimulator, *expressions: str, **settings: object) -> Any:
    return seen(simulator, f"print(json.dumps([{', '.join(expressions)}]))", **settings)


def test_the_time_is_the_machines_unless_a_program_has_its_own(nvml_simulator: NvmlSimulator) -> None:
    script = "print(json.dumps([time.monotonic(), energy_j(), time.monotonic()]))"
    machine = nvml_simulator.run(PRELUDE.replace("OwnTime().install()\n", "") + script)
    for first_s, energy_j, last_s in (json.loads(machine.stdout), seen(nvml_simulator, script)):
        assert 300 * first_s - 0.001 <= energy_j <= 300 * last_s + 0.001
    assert last_s == pytest.approx(START_S, abs=1)


@pytest.fixture
def profile_file(tmp_path: Path) -> Path:
    path = tmp_path / "profile.txt"
    path.write_text("0 100\n1 400\n\n2.5 50\n", encoding="ascii")
    return path


def test_the_library_knows_the_same_truth_as_the_tests(nvml_simulator: NvmlSimulator, profile_file: Path) -> None:
    epoch_s = 1000.25
    settings = {
        "gpus": 4,
        "watts": "300,150",
        "profile": f"constant;constant;square:60,600,0.7,0.3;file:{profile_file}",
        "epoch_s": epoch_s,
        "control": profile_file.with_name("control.txt"),
    }
    append_power(profile_file.with_name("control.txt"), gpu=1, power_w=500, time_s=epoch_s + 1.5)
    append_power(profile_file.with_name("control.txt"), gpu=1, power_w=60, time_s=epoch_s + 2)
    windows = [(epoch_s - 3.2, epoch_s + 0.1), (epoch_s + 0.05, epoch_s + 9), (epoch_s + 1.2, epoch_s + 1.9)]
    script = f"print(json.dumps([[true_j(b, i) - true_j(a, i) for i in range(4)] for a, b in {windows}]))"
    expected = [[true_energy_j(*window, settings, gpu=gpu) for gpu in range(4)] for window in windows]
    assert seen(nvml_simulator, script, **settings) == [pytest.approx(energies, rel=1e-9) for energies in expected]
    assert expected[1][1] == pytest.approx(150 * 1.45 + 500 * 0.5 + 60 * 7)
    assert expected[1][3] == pytest.approx(100 * 0.95 + 400 * 1.5 + 50 * 6.5)


def test_a_square_wave_begins_each_period_at_its_high_power(nvml_simulator: NvmlSimulator) -> None:
    epoch_s = START_S
    powers = seen(
        nvml_simulator,
        "powers = [(time.monotonic(), instant_w()) for _ in range(30) if not time.sleep(0.01)]\n"
        "print(json.dumps(powers))",
        profile="square:60,600,0.2,0.25",
        epoch_s=epoch_s,
    )
    clear = [(at_s, power_w) for at_s, power_w in powers if 0.005 < (at_s - epoch_s) % 0.05 < 0.045]
    assert len(clear) > 10
    assert [power_w for _, power_w in clear] == [600 if (at_s - epoch_s) % 0.2 < 0.05 else 60 for at_s, _ in clear]


def test_the_counter_follows_a_profile_from_a_file(nvml_simulator: NvmlSimulator, profile_file: Path) -> None:
    epoch_s = START_S - 0.9
    settings = {"profile": f"file:{profile_file}", "epoch_s": epoch_s}
    script = (
        "first_s, first = time.monotonic(), energy_j()\ntime.sleep(0.3)\nlast_s, last = time.monotonic(), energy_j()\n"
        "print(json.dumps([first_s, last_s, last - first]))"
    )
    first_s, last_s, counted_j = seen(nvml_simulator, script, **settings)
    assert counted_j == pytest.approx(true_energy_j(first_s, last_s, settings), rel=0.02)


def test_a_running_program_sets_the_power_through_the_control_file(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    control = tmp_path / "control.txt"
    script = """
from pathlib import Path
from tests.nvml_simulator.own_time import START_S
from tests.nvml_simulator.simulator import append_power
control, powers = Path(os.environ["NVML_SIMULATOR_CONTROL"]), [instant_w()]
first_s, first = time.monotonic(), energy_j()
for power_w in (300, 60):
    append_power(control, power_w=power_w)
    powers.append(instant_w())
    time.sleep(0.1)
last_s, last = time.monotonic(), energy_j()
print(json.dumps([powers, first_s, last_s, last - first]))
"""
    powers, first_s, last_s, counted_j = seen(nvml_simulator, script, watts=75, control=control)
    assert powers == [75, 300, 60]
    assert counted_j == pytest.approx(true_energy_j(first_s, last_s, {"watts": 75, "control": control}), rel=0.02)


def test_half_a_line_in_the_control_file_waits_for_its_end(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    control = tmp_path / "control.txt"
    script = f"""
file, powers = open({str(control)!r}, "a"), []
for text in ("1.0 0 20", "0\\n2.0 7 900\\n", "3.0 0 250\\n"):
    file.write(text); file.flush(); powers.append(instant_w())
print(json.dumps(powers))
file.close()
"""
    assert seen(nvml_simulator, script, control=control) == [300, 200, 250]


def test_the_counter_moves_once_a_period(nvml_simulator: NvmlSimulator) -> None:
    changes = seen(nvml_simulator, WATCH_COUNTER.format(watch_s=0.5), period_s=0.1)
    assert len(changes) in (4, 5)
    assert [step_j for _, step_j in changes] == [pytest.approx(30, abs=0.01)] * len(changes)
    assert all((at_s + 0.001) % 0.1 < 0.002 for at_s, _ in changes)


def test_the_second_gpu_ticks_at_another_time(nvml_simulator: NvmlSimulator) -> None:
    script = "gpu = pynvml.nvmlDeviceGetHandleByIndex(1)\n" + WATCH_COUNTER.replace("energy_j()", "energy_j(gpu)")
    changes = seen(nvml_simulator, script.format(watch_s=0.5), gpus=2, period_s=0.1)
    assert all((at_s - 0.0618034 + 0.001) % 0.1 < 0.002 for at_s, _ in changes)


def test_without_a_period_the_counter_always_moves(nvml_simulator: NvmlSimulator) -> None:
    assert len(seen(nvml_simulator, WATCH_COUNTER.format(watch_s=0.1))) > 50


def test_the_counter_can_be_scaled(nvml_simulator: NvmlSimulator) -> None:
    whole_j, now_s = values(nvml_simulator, "energy_j()", "time.monotonic()")
    assert whole_j == pytest.approx(300 * now_s, rel=1e-3)
    half_j, now_s = values(nvml_simulator, "energy_j()", "time.monotonic()", counter_scale=0.5)
    assert half_j == pytest.approx(150 * now_s, rel=1e-3)


def test_the_counter_can_freeze_while_power_is_drawn(nvml_simulator: NvmlSimulator) -> None:
    expressions = ["energy_j()", "(time.sleep(0.2), energy_j())[1]", "(time.sleep(0.1), energy_j())[1]", "instant_w()"]
    first, frozen, later, power_w = values(nvml_simulator, *expressions, freeze_after_s=0.1)
    assert first < frozen == later
    assert power_w == 300


def test_the_counter_can_start_again(nvml_simulator: NvmlSimulator) -> None:
    before, after = values(nvml_simulator, "energy_j()", "(time.sleep(0.3), energy_j())[1]", reset_after_s=0.2)
    assert before > after
    assert 0 < after < 300


def test_a_lost_gpu_answers_errors(nvml_simulator: NvmlSimulator) -> None:
    questions = (
        "energy_j",
        "instant_w",
        "lambda: pynvml.nvmlDeviceGetPowerUsage(gpu)",
        "lambda: pynvml.nvmlDeviceGetTemperature(gpu, 0)",
        "lambda: pynvml.nvmlDeviceGetClockInfo(gpu, 1)",
        "lambda: pynvml.nvmlDeviceGetCurrentClocksEventReasons(gpu)",
    )
    before = [f"answer({question})" for question in questions]
    after = [f"(time.sleep(0.2 if not {at} else 0), answer({question}))[1]" for at, question in enumerate(questions)]
    answers = values(nvml_simulator, *before, *after, lost_after_s=0.1)
    assert "NVMLError_GpuIsLost" not in answers[:6]
    assert answers[6:] == ["NVMLError_GpuIsLost"] * 6


def test_a_gpu_without_counter_still_shows_its_power(nvml_simulator: NvmlSimulator) -> None:
    assert values(nvml_simulator, "answer(energy_j)", "instant_w()", no_counter=True) == ["NVMLError_NotSupported", 300]


def test_the_instant_power_is_the_mean_over_the_boxcar_at_each_update(nvml_simulator: NvmlSimulator) -> None:
    # Ticks at multiples of 0.1 s; power is high in the 10 ms before each of them, of which the boxcar sees 25.
    epoch_s = START_S - 0.01
    powers = seen(
        nvml_simulator,
        "print(json.dumps([instant_w() for _ in range(20) if not time.sleep(0.01)]))",
        profile="square:100,350,0.1,0.1",
        epoch_s=epoch_s,
        power_period_s=0.1,
        boxcar_s=0.025,
    )
    assert powers == [pytest.approx(100 + 250 * 10 / 25, abs=0.1)] * 20


def test_the_average_power_is_the_mean_of_the_last_second(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    control = tmp_path / "control.txt"
    average_w = "pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000"
    append_power(control, power_w=700, time_s=START_S)
    *powers, read_s = values(
        nvml_simulator,
        average_w,
        "field_w(pynvml.NVML_FI_DEV_POWER_AVERAGE)",
        "instant_w()",
        "time.monotonic()",
        watts=100,
        control=control,
    )
    average = pytest.approx(100 + 600 * (read_s - START_S), abs=0.1)
    assert powers == [average, average, 700]


def test_power_readings_hold_for_their_period(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    profile = tmp_path / "ramp.txt"
    profile.write_text("".join(f"{step / 100} {step}\n" for step in range(200)), encoding="ascii")
    script = "print(json.dumps([instant_w() for _ in range(100) if not time.sleep(0.003)]))"
    powers = seen(nvml_simulator, script, profile=f"file:{profile}", power_period_s=0.1)
    assert 3 <= len(set(powers)) <= 6


def test_an_older_gpu_has_no_instant_power(nvml_simulator: NvmlSimulator) -> None:
    answers = values(nvml_simulator, "answer(instant_w)", "pynvml.nvmlDeviceGetPowerUsage(gpu)", no_instant_power=True)
    assert answers == ["NVMLError_NotSupported", 300_000]


def test_compute_processes_are_the_caller_and_whoever_else_is_set(nvml_simulator: NvmlSimulator) -> None:
    pids = "[process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)]"
    own, found = values(nvml_simulator, "os.getpid()", pids)
    assert found == [own]
    own, found = values(nvml_simulator, "os.getpid()", pids, foreign_pid=4242)
    assert found == [own, 4242]
    assert values(nvml_simulator, pids, own_process=False) == [[]]
    later = values(
        nvml_simulator, pids, f"(time.sleep(0.3), {pids})[1]", own_process=0, foreign_pid=7, foreign_after_s=0.2
    )
    assert later == [[], [7]]


def test_a_further_process_comes_with_a_file(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    pids, file = "[process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)]", tmp_path / "it comes"
    made = f"(open({str(file)!r}, 'w').close(), {pids})[1]"
    assert values(nvml_simulator, pids, made, own_process=0, foreign_pid=7, foreign_with=file) == [[], [7]]


def test_throttling_shows_from_its_time_on(nvml_simulator: NvmlSimulator) -> None:
    reasons = "pynvml.nvmlDeviceGetCurrentClocksEventReasons(gpu)"
    assert values(nvml_simulator, reasons) == [0]
    assert values(nvml_simulator, reasons, throttle="0x48") == [0x48]
    old_name = "pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)"
    later = values(nvml_simulator, reasons, f"(time.sleep(0.3), {old_name})[1]", throttle=4, throttle_after_s=0.2)
    assert later == [0, 4]


def test_the_power_limit_can_change(nvml_simulator: NvmlSimulator) -> None:
    limit = "pynvml.nvmlDeviceGetPowerManagementLimit(gpu)"
    enforced = "pynvml.nvmlDeviceGetEnforcedPowerLimit(gpu)"
    changes = {"power_limit_w": 650, "power_limit_change_after_s": 0.2, "power_limit_changed_w": 350}
    assert values(nvml_simulator, limit, f"(time.sleep(0.3), {enforced})[1]", **changes) == [650_000, 350_000]


def test_state_is_as_set(nvml_simulator: NvmlSimulator) -> None:
    answers = values(
        nvml_simulator,
        "pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM)",
        "pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_MEM)",
        "pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)",
        "pynvml.nvmlDeviceGetTemperatureV(gpu, pynvml.NVML_TEMPERATURE_GPU)",
        "pynvml.nvmlDeviceGetMemoryInfo(gpu).used >> 20",
        "pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2).used >> 20",
        "pynvml.nvmlDeviceGetMigMode(gpu)",
        sm_clock_mhz=1200,
        memory_clock_mhz=2000,
        temperature_c=71,
        memory_used_mib=5000,
        mig=1,
    )
    assert answers == [1200, 2000, 71, 71, 5000, 5000, [1, 1]]


def test_a_gpu_is_found_by_its_uuid(nvml_simulator: NvmlSimulator) -> None:
    index = "answer(lambda: pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID({!r})))"
    answers = values(nvml_simulator, index.format(UUIDS[1]), index.format("GPU-x"), gpus=2)
    assert answers == [1, "NVMLError_NotFound"]


def test_gpus_lie_in_the_order_that_is_set(nvml_simulator: NvmlSimulator) -> None:
    script = """
handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(3)]
print(json.dumps([[pynvml.nvmlDeviceGetUUID(one), pynvml.nvmlDeviceGetIndex(one),
                   pynvml.nvmlDeviceGetPowerUsage(one)] for one in handles]))
"""
    found = seen(nvml_simulator, script, gpus=3, order="2,0,5", watts="100,200,300,400,500,600")
    assert found == [[UUIDS[2], 0, 300_000], [UUIDS[0], 1, 100_000], [UUIDS[5], 2, 600_000]]


def test_what_other_meters_ask_is_answered(nvml_simulator: NvmlSimulator) -> None:
    """What Zeus 0.16.0 and CodeCarbon 3.3.2 call when they start."""
    answers = values(
        nvml_simulator,
        "pynvml.nvmlDeviceGetArchitecture(gpu) >= pynvml.NVML_DEVICE_ARCH_VOLTA",
        "pynvml.nvmlDeviceGetCudaComputeCapability(gpu)",
        "pynvml.nvmlDeviceGetPowerManagementLimitConstraints(gpu)",
        "pynvml.nvmlDeviceGetPersistenceMode(gpu)",
        "pynvml.nvmlDeviceGetComputeMode(gpu)",
        "pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu",
        "pynvml.nvmlDeviceGetGraphicsRunningProcesses(gpu)",
        "pynvml.nvmlDeviceGetSupportedGraphicsClocks(gpu, 2619)",
        "answer(lambda: pynvml.nvmlDeviceGetC2cModeInfoV(gpu))",
        "answer(lambda: pynvml.nvmlDeviceGetGpuInstanceId(gpu))",
        "pynvml.nvmlDeviceGetPciInfo(gpu).bus",
    )
    unsupported = "NVMLError_NotSupported"
    assert answers == [True, [9, 0], [200_000, 700_000], 1, 0, 100, [], [1980], unsupported, unsupported, 1]


def test_the_driver_version_cannot_hide_the_simulator(nvml_simulator: NvmlSimulator) -> None:
    (version,) = values(nvml_simulator, "pynvml.nvmlSystemGetDriverVersion()", driver="580.65.06")
    assert version.endswith("-simulated")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile", "triangle"),
        ("profile", "square:1,2"),
        ("profile", "file:/nowhere"),
        ("period_s", "fast"),
        ("order", "x,2"),
    ],
)
def test_a_setting_that_cannot_be_read_fails_the_start_and_is_named(
    nvml_simulator: NvmlSimulator, name: str, value: str
) -> None:
    done = nvml_simulator.run(PRELUDE, **{name: value})
    assert done.returncode != 0
    assert f"NVML simulator: NVML_SIMULATOR_{name.upper()}: {value}" in done.stderr
