"""Whatever goes wrong with a GPU has a reason of its own, and never a negative or zero energy."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.nvml_simulator.simulator import HOPPER_SENSORS, REPOSITORY, NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.slow

# After the second of calibration, and before the last of the six windows of 0.4 s.
DURING_S = 2.0
SCENARIOS: dict[str, tuple[dict[str, object], set[str]]] = {
    "nothing": ({}, set()),
    "reset": ({"reset_after_s": DURING_S}, set()),  # once: its window is measured again
    "frozen": ({"freeze_after_s": DURING_S}, {"counter_frozen"}),
    "lost": ({"lost_after_s": DURING_S}, {"counter_lost"}),
    "halved": ({"counter_scale": 0.5}, {"integral_discrepancy"}),
    "foreign process": ({"foreign_pid": 1, "foreign_after_s": DURING_S}, {"foreign_process"}),
    "thermal throttle": ({"throttle": "0x40", "throttle_after_s": DURING_S}, {"hardware_slowdown"}),
    "software power cap": ({"throttle": "0x4", "throttle_after_s": DURING_S}, {"software_power_cap"}),
    "MIG": ({"mig": 1}, {"mig_enabled"}),
    "power limit": ({"power_limit_change_after_s": DURING_S}, {"power_limit_changed"}),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The verdict of each scenario; the children run side by side."""
    simulator = NvmlSimulator(tmp_path_factory.mktemp("nvml"))
    if simulator.compiler is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    simulator.build()
    children = {name: start(simulator, "nvml", **settings) for name, (settings, _) in SCENARIOS.items()} | {
        "no counter": start(simulator, "nvml", no_counter=1),
        "power": start(simulator, "nvml-power", no_counter=1),
    }
    return {name: answer(child) for name, child in children.items()}


def start(simulator: NvmlSimulator, meter: str, **settings: object) -> "subprocess.Popen[str]":
    environment = simulator.environment(PYTHONPATH=REPOSITORY, **(dict(HOPPER_SENSORS) | settings))
    command = [sys.executable, "-m", "tests.metrology.verdicts", meter]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def answer(child: "subprocess.Popen[str]") -> dict[str, Any]:
    output, errors = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0, errors
    content: dict[str, Any] = json.loads(output)
    return content


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_fault_has_its_own_reason_and_no_other(verdicts: dict[str, dict[str, Any]], name: str) -> None:
    always = {
        "not_a_gpu_measurement",
        "phase_too_short",
        "quick_protocol",
        "too_few_repeats",
        "too_few_queries",
        "tick_uncertainty",
    }
    # Three equal windows make a decode that is not there.
    codes = set(verdicts[name]["codes"]) - always - {"phase_unresolved", "integral_deviation"}
    assert codes == SCENARIOS[name][1], verdicts[name]["codes"]
    assert verdicts[name]["rateable"] is False


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_fault_gives_a_negative_or_zero_energy(verdicts: dict[str, dict[str, Any]], name: str) -> None:
    smallest_j, total_j = verdicts[name]["smallest_j"], verdicts[name]["total_j"]
    assert smallest_j > 0
    assert total_j is None or total_j > 0
    assert (total_j is None) == (name in ("frozen", "lost"))


def test_a_reset_costs_a_window_and_not_the_run(verdicts: dict[str, dict[str, Any]]) -> None:
    assert verdicts["reset"]["repaired"] == ["counter_reset"]


def test_a_gpu_without_the_counter_is_refused_by_name_and_measured_by_power_where_that_is_asked_for(
    verdicts: dict[str, dict[str, Any]],
) -> None:
    assert "no total-energy counter" in verdicts["no counter"]["error"]
    assert verdicts["power"]["total_j"] == pytest.approx(300 * 0.4, rel=0.1)
    assert verdicts["power"]["source"] == "simulated"


def test_the_simulator_can_never_be_rated(verdicts: dict[str, dict[str, Any]]) -> None:
    assert verdicts["nothing"]["codes"]["not_a_gpu_measurement"] == "simulated"
