"""A whole run on the simulated NVML: every figure says so, all the way into the table, and none is rateable."""

import csv
import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.run_report import EnergySource, RunReport
from tests.e2e.conftest import Workplace, manifest_of_a_bundle
from tests.nvml_simulator.simulator import HOPPER_SENSORS, UUIDS, NvmlSimulator
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

RUN = Path("individual_runs/models_base-tiny_Off_N_A")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> NvmlSimulator:
    built = NvmlSimulator(tmp_path_factory.mktemp("nvml"))
    if built.compiler is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    built.build()
    return built


def run(workplace: Workplace, simulator: NvmlSimulator, output: Path, *options: str, **settings: Any) -> dict[str, str]:
    sheet = workplace.sheet("simulated.csv", ["./models/base-tiny,Off (N/A),N/A"])
    environment = simulator.environment(OMP_NUM_THREADS=1, HF_HUB_OFFLINE=1, **(dict(HOPPER_SENSORS) | settings))
    done = subprocess.run(
        workplace.command(sheet, output, *options),
        check=False, capture_output=True, text=True, env=environment, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (output / "master_results.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    return row


def test_a_run_carries_simulated_into_the_table_and_is_never_rateable(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    row = run(workplace, simulator, tmp_path, "--repeats", "2")
    assert (row["energy_source"], row["energy_status"], row["rateable"]) == ("simulated", "measured", "false")
    assert {"not_a_gpu_measurement", "model_not_on_gpu"} <= set(row["verdict_reasons"].split("; "))
    assert float(row["gpu_energy_wh"]) > 0
    assert row["hardware"] == "NVIDIA H100 80GB HBM3"

    report = RunReport.read(tmp_path / RUN / "benchmark_report.json")
    gpu = [window for window in report.phases if window.domain == "gpu"]
    assert {window.source for window in gpu} == {EnergySource.SIMULATED}
    assert all(window.uncertainty_j for window in gpu)
    assert any(window.integral_j for window in gpu)  # a busy machine may keep the sampler from some of them
    assert [figure.repeats for figure in report.statistics if figure.phase == "total"] == [2, 2]
    # How exactly the period is found is a fact of the meter's own tests: a busy machine sees changes late.
    assert report.conditions[0].counter_period_s == pytest.approx(0.1, rel=0.5)
    assert report.conditions[0].mean_power_w == pytest.approx(300, rel=0.01)
    with gzip.open(tmp_path / RUN / "power_trace.csv.gz", "rt") as stream:
        assert len(list(csv.DictReader(stream))) > 10
    (bundled,) = manifest_of_a_bundle(tmp_path, tmp_path / "simulated.zip").runs
    assert (bundled.energy_source, bundled.verdict.rateable) == ("simulated", False)
    assert bundled.wh_per_1000_queries == pytest.approx(float(row["wh_per_1000_queries"]))


def test_the_hosts_witness_stands_beside_the_report_and_agrees(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    row = run(workplace, simulator, tmp_path)
    assert not [code for code in row["verdict_reasons"].split("; ") if "witness" in code]
    witness = HostWitness.read(tmp_path / RUN / "host_witness.json")
    assert witness.source is EnergySource.SIMULATED
    assert sum(witness.energy_j.values()) == pytest.approx(300 * witness.duration_s, rel=0.05)


def test_another_process_on_the_gpu_is_seen_by_both_witnesses(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    # It comes once the GPU is leased: one that is there before is not leased at all.
    it_comes = tmp_path / RUN / "run_owner.json"
    row = run(workplace, simulator, tmp_path, foreign_pid=1, foreign_with=it_comes)
    assert {"foreign_process", "witness_foreign_process"} <= set(row["verdict_reasons"].split("; "))


def test_a_gpu_that_a_foreign_process_is_on_is_not_leased(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    row = run(workplace, simulator, tmp_path / "other", gpus=2, foreign_pid=1, foreign_gpu=0, watts="100,600")
    assert float(row["mean_power_w"]) == pytest.approx(600, rel=0.05)
    assert row["concurrent_runs"] == "1"

    sheet = workplace.sheet("simulated.csv", ["./models/base-tiny,Off (N/A),N/A"])
    done = subprocess.run(
        workplace.command(sheet, tmp_path / "none", "--gpu-wait", "1"),
        check=False, capture_output=True, text=True, env=simulator.environment(foreign_pid=1), timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 1
    because = f"needs 1 of 1 GPUs: {UUIDS[0]} is used by process 1, which is not one of our runs"
    assert f"is waiting: {because}" in done.stderr
    failure = json.loads((tmp_path / "none" / RUN / "run_failure.json").read_text())
    assert (failure["stage"], failure["exit_code"]) == ("start", 3)


def test_only_the_visible_gpu_of_two_is_counted(workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path) -> None:
    row = run(workplace, simulator, tmp_path, gpus=2, watts="100,600", CUDA_VISIBLE_DEVICES="1")
    assert row["gpu_count"] == "1"
    assert float(row["mean_power_w"]) == pytest.approx(600, rel=0.05)


def test_a_class_a_model_gets_one_of_two_visible_gpus_named_by_uuid(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    row = run(workplace, simulator, tmp_path, gpus=2, watts="100,600")
    assert row["gpu_count"] == "1"
    assert "too_many_gpus" not in row["verdict_reasons"]
    assert float(row["mean_power_w"]) == pytest.approx(100, rel=0.05)
    assert list(HostWitness.read(tmp_path / RUN / "host_witness.json").energy_j) == [UUIDS[0]]


def test_a_gpu_without_a_counter_is_measured_by_power_and_says_so(
    workplace: Workplace, simulator: NvmlSimulator, tmp_path: Path
) -> None:
    run(workplace, simulator, tmp_path, no_counter=1, profile="square:80,650,0.73,0.4")
    report = json.loads((tmp_path / RUN / "benchmark_report.json").read_text())
    assert any(meter.startswith("integral of NVML power") for meter in report["meters"])
    # Power that jumps: each window must be found in the trace again.
    manifest_of_a_bundle(tmp_path, tmp_path / "power.zip")
