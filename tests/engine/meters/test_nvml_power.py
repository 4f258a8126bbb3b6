import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from energy_score.contract.run_report import EnergySource
from energy_score.engine.meters.nvml_power import NvmlPowerMeter
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.nvml_devices import NvmlDevices
from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

MEASURE = """
import json, sys, time
from energy_score.engine.meters import sampler
from tests.nvml_simulator.own_time import OwnTime
OwnTime().install(sampler)
from energy_score.contract.errors import MeterError
from energy_score.engine.meters.registry import open_meters
try:
    meter = open_meters({choice!r})[0]
except MeterError as error:
    sys.exit("MeterError: " + str(error))
readings = [meter.read_at_tick()]
time.sleep(1)
readings.append(meter.read())
meter.close()
print(json.dumps(dict(kind=type(meter).__name__, source=meter.source, description=meter.description,
    readings=[reading.model_dump() for reading in readings])))
"""


def measure(simulator: NvmlSimulator, choice: str, **settings: object) -> dict[str, Any]:
    done = simulator.run(MEASURE.format(choice=choice), **settings)
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def test_sampled_power_gives_the_energy_of_a_gpu_without_counter(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator, "nvml-power", gpus=2, watts="300,150", no_counter=1)
    first, last = measured["readings"]
    duration_s = last["time_s"] - first["time_s"]
    for uuid, power_w in zip(UUIDS[:2], (300, 150), strict=True):
        assert last["energy_j"][uuid] - first["energy_j"][uuid] == pytest.approx(power_w * duration_s, rel=0.01)
    assert first["faults"] == last["faults"] == {}


def test_the_description_says_which_power_was_read(nvml_simulator: NvmlSimulator) -> None:
    measured = measure(nvml_simulator, "nvml-power", no_instant_power=1)
    assert f"{UUIDS[0]} (average power)" in measured["description"]
    assert measured["source"] == "simulated"


@pytest.mark.parametrize(("no_counter", "kind"), [(0, "NvmlMeter"), (1, "NvmlPowerMeter")])
def test_auto_takes_sampled_power_only_where_there_is_no_counter(
    nvml_simulator: NvmlSimulator, no_counter: int, kind: str
) -> None:
    assert measure(nvml_simulator, "auto", no_counter=no_counter)["kind"] == kind


class ScriptedSampler:
    """A sampler that returns these energies of GPU-a in J, window by window; None means unknown."""

    period_s = 0.1

    def __init__(self, *energies_j: float | None) -> None:
        self._energies_j = iter(energies_j)

    def start(self) -> None:
        """Nothing runs."""

    def integral_j(self, start_s: float, end_s: float) -> dict[str, float]:
        energy_j = next(self._energies_j)
        return {} if energy_j is None else {"GPU-a": energy_j}


def test_lost_power_is_told_once_and_the_next_window_is_good_again() -> None:
    devices = SimpleNamespace(gpus=(), uuids=("GPU-a",), simulated=False)
    sampler = ScriptedSampler(10.0, None, 5.0, 30.0)
    meter = NvmlPowerMeter(cast("NvmlDevices", devices), cast("GpuSampler", sampler))
    readings = [meter.read() for _ in range(4)]
    assert meter.source is EnergySource.NVML_POWER
    assert [reading.faults for reading in readings] == [{}, {"GPU-a": "power_lost"}, {}, {}]
    assert [reading.energy_j for reading in readings] == [{"GPU-a": 10.0}, {}, {"GPU-a": 15.0}, {"GPU-a": 45.0}]
