"""A real Slurm and a real Ray, two nodes each on this machine, and a batch that is run on them."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.ray_cluster import RayCluster
from tests.support.slurm_cluster import SlurmCluster, missing_commands
from tests.support.toy_installation import ToyInstallation, write_sheet

# Which simulated GPUs a node has, in the order in which its NVML counts them; GPU n draws WATTS[n].
ORDER = {"n1": (3, 0), "n2": (2, 1)}
WATTS = (100, 200, 300, 400)


@dataclass(frozen=True)
class Batch:
    """A batch on a cluster: its output directory, the words that name the cluster, and what its programs need."""

    toy: ToyInstallation
    output: Path
    on: tuple[str, ...]
    variables: Mapping[str, str]

    def sheet(self, count: int = 20, *, name: str = "run") -> Path:
        """A sheet of so many rows."""
        return write_sheet(self.output.with_name(f"{name}.csv"), [f"toy/{name}-{i:02}" for i in range(count)])

    def start(self, sheet: Path, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.toy.command(sheet, self.output, *self.on, *options),
            env=self.toy.environment() | dict(self.variables), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, sheet: Path, *options: str) -> "subprocess.CompletedProcess[str]":
        batch = self.start(sheet, *options)
        try:
            stdout, stderr = batch.communicate(timeout=PATIENCE_S)
        finally:
            batch.kill()
        return subprocess.CompletedProcess(batch.args, batch.returncode, stdout, stderr)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A further command of the program, on the output directory."""
        program = self.toy.command(self.output, self.output)[:2]
        return subprocess.run(
            [*program, *words, "--output-dir", str(self.output)],
            env=self.toy.environment() | dict(self.variables), capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def rows(self) -> list[dict[str, str]]:
        """The results table."""
        with (self.output / "master_results.csv").open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    def record(self, run: str, file: str) -> Any:
        """Return a record of a run as JSON, or None if it does not exist."""
        path = self.output / "individual_runs" / run / file
        return json.loads(path.read_text()) if path.exists() else None

    def done(self) -> set[str]:
        """The ids of the runs that have a report."""
        return {json.loads(path.read_text())["run_id"] for path in self.output.glob("individual_runs/*/*_report.json")}


def leased_node(node: str) -> set[str]:
    """The UUIDs of a node's GPUs."""
    return {UUIDS[number] for number in ORDER[node]}


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder whose path is short: clusters put sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="es-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def toy_installation(tmp_path_factory: pytest.TempPathFactory) -> ToyInstallation:
    toy = ToyInstallation(tmp_path_factory.mktemp("toy") / "environment")
    toy.install()
    return toy


@pytest.fixture
def toy(toy_installation: ToyInstallation) -> ToyInstallation:
    toy_installation.answer_after(0)
    toy_installation.forget_executions()
    return toy_installation


@pytest.fixture(scope="session")
def node_variables(nvml_simulator: NvmlSimulator) -> dict[str, dict[str, str]]:
    """What makes each node a machine with GPUs of its own."""
    return {
        node: {
            "LD_LIBRARY_PATH": str(nvml_simulator.folder),
            "ENERGY_SCORE_LOCK_DIR": str(nvml_simulator.folder / f"locks.{node}"),
            "NVML_SIMULATOR_GPUS": str(len(order)),
            "NVML_SIMULATOR_ORDER": ",".join(map(str, order)),
            "NVML_SIMULATOR_OWN_PROCESS": "0",  # else whoever only asks would look like a process on the GPU
            "NVML_SIMULATOR_WATTS": ",".join(map(str, WATTS)),
        }
        for node, order in ORDER.items()
    }


@pytest.fixture(scope="session")
def slurm_cluster(short_folder: Path, node_variables: dict[str, dict[str, str]]) -> Iterator[SlurmCluster]:
    if missing := missing_commands():
        pytest.skip(f"Slurm is not installed: apt install slurm-wlm munge (missing: {', '.join(missing)})")
    if os.geteuid() != 0:
        pytest.skip("needs root, to make device files for declared GPUs")
    (short_folder / "s").mkdir()
    cluster = SlurmCluster(short_folder / "s", variables=node_variables)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def slurm(slurm_cluster: SlurmCluster) -> SlurmCluster:
    """The cluster with both nodes up and nothing in its queue."""
    slurm_cluster.restart_missing()
    slurm_cluster.run("scancel", "--user=root")
    wait_until(lambda: not slurm_cluster.run("squeue", "--noheader").stdout.strip())
    return slurm_cluster


@pytest.fixture
def on_slurm(slurm: SlurmCluster, toy: ToyInstallation, tmp_path: Path) -> Batch:
    on = ("--executor", "slurm", "--node-executor", "local")
    return Batch(toy, tmp_path / "out put", on, slurm.environment())


@pytest.fixture(scope="session")
def ray_cluster(
    short_folder: Path, toy_installation: ToyInstallation, node_variables: dict[str, dict[str, str]]
) -> Iterator[RayCluster]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    # One node hands out shuffled numbers, the other UUIDs.
    shown = {"n1": "1,0", "n2": ",".join(UUIDS[number] for number in reversed(ORDER["n2"]))}
    variables = {node: {**node_variables[node], "CUDA_VISIBLE_DEVICES": shown[node]} for node in shown}
    (short_folder / "r").mkdir()
    cluster = RayCluster(short_folder / "r", toy_installation.python, variables=variables)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def on_ray(ray_cluster: RayCluster, toy: ToyInstallation, tmp_path: Path) -> Batch:
    ray_cluster.start_missing()
    on = ("--executor", "ray", "--ray-address", ray_cluster.address, "--node-executor", "local")
    return Batch(toy, tmp_path / "out put", on, ray_cluster.environment())
