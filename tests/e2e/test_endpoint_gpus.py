"""Whose GPU is measured for an endpoint: the server's, found by its processes on the simulated NVML, or none."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.host_witness import HostWitness
from tests.e2e.conftest import ROOT
from tests.nvml_simulator.simulator import HOPPER_SENSORS, UUIDS, NvmlSimulator
from tests.support.endpoint_server import MODEL, EndpointServer, endpoint_server
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

RUN = Path("individual_runs/tiny_model_Off_N_A")
# Two GPUs of which only the second is the server's; the client holds none.
SETTINGS = {**HOPPER_SENSORS, "gpus": 2, "watts": "100,600", "own_process": 0, "foreign_gpu": 1}
Batch = Callable[..., dict[str, str]]


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with endpoint_server() as running:
        yield running


@pytest.fixture
def batch(nvml_simulator: NvmlSimulator, server: EndpointServer, tmp_path: Path) -> Batch:
    (tmp_path / "models.csv").write_text(
        "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n"
        f"{MODEL},1,A,text_gen,Off (N/A),\n"
    )  # fmt: skip
    (tmp_path / "prompts.txt").write_text("What is energy?\nWhy?\n")

    def run(*options: str, exit_code: int = 0, **settings: Any) -> dict[str, str]:
        command = [
            sys.executable, str(ROOT / "batch_runner.py"), "--executor", "local", "--csv", str(tmp_path / "models.csv"),
            "--prompts-file", str(tmp_path / "prompts.txt"), "--protocol", "quick", "--warmup", "1", "--output-dir",
            str(tmp_path), "--backend", "vllm", "--endpoint", server.address, *options,
        ]  # fmt: skip
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=PATIENCE_S,
            env=nvml_simulator.environment(**{**SETTINGS, "foreign_pid": os.getpid(), **settings}),
        )  # fmt: skip
        assert done.returncode == exit_code, done.stderr
        with (tmp_path / "master_results.csv").open(newline="") as stream:
            (row,) = csv.DictReader(stream)
        return row

    return run


def codes(row: dict[str, str]) -> set[str]:
    return set(row["verdict_reasons"].split("; "))


def test_the_gpu_of_the_servers_process_is_measured_by_both_witnesses(batch: Batch, tmp_path: Path) -> None:
    row = batch()
    assert (row["gpu_count"], row["energy_status"], row["energy_source"]) == ("1", "measured", "simulated")
    assert float(row["mean_power_w"]) == pytest.approx(600, rel=0.05)
    assert not codes(row) & {"server_gpu_unseen", "foreign_process", "server_processes_unknown", "too_many_gpus"}
    assert not [code for code in codes(row) if "witness" in code]
    assert list(HostWitness.read(tmp_path / RUN / "host_witness.json").energy_j) == [UUIDS[1]]
    assert (row["load_energy_wh"], row["cpu_energy_wh"], row["dtype"]) == ("", "", "")


def test_a_server_that_computes_on_no_gpu_leaves_the_gpu_side_unmeasured(batch: Batch) -> None:
    row = batch(foreign_pid=1)
    assert (row["energy_status"], row["gpu_energy_wh"], row["gpu_count"]) == ("unmeasured", "", "0")
    assert "server_gpu_unseen" in codes(row)


def test_gpus_that_are_named_are_measured_in_place_of_those_found(batch: Batch) -> None:
    row = batch("--meter-gpu", "0")
    assert float(row["mean_power_w"]) == pytest.approx(100, rel=0.05)
    assert "server_processes_unknown" in codes(row)


def test_a_meter_that_was_asked_for_by_name_and_cannot_see_the_server_is_an_error(batch: Batch) -> None:
    row = batch("--meter", "nvml", foreign_pid=1, exit_code=1)
    assert "the server's GPUs are not known; name them with --meter-gpu" in row["error_message"]


def test_a_named_gpu_that_is_not_there_is_an_error_that_names_those_that_are(batch: Batch) -> None:
    row = batch("--meter-gpu", "7", exit_code=1)
    assert "--meter-gpu: '7' names no GPU; NVML sees: 0 = GPU-00000000" in row["error_message"]


def test_a_second_client_invalidates_and_so_does_prefix_caching(
    batch: Batch, server: EndpointServer, tmp_path: Path
) -> None:
    server.script.foreign_tokens, server.script.prefix_caching = 3, True
    assert {"server_did_other_work", "prefix_caching"} <= codes(batch("--meter", "none", "--concurrency", "2"))
    report = json.loads((tmp_path / RUN / "benchmark_report.json").read_text())
    assert report["software"]["server"] == "vllm 0.32.0"
    assert "torch" not in report["software"]
    assert report["spec"]["concurrency"] == 2
