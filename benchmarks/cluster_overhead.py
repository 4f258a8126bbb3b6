"""What a run that does nothing costs on this machine, on a real Slurm, and on a real Ray: two nodes, two GPUs each.

Each run goes the whole way (order, worker, lease, executor, engine, records) with a backend that answers at once. Two
figures: the batch's time per run, and the median time from one run's end to the next one's on the same GPU. All nodes
share this machine's processors, so the second grows with the number of GPUs. Both also stand as ratios to those of the
first place measured.

Run: python -m benchmarks.cluster_overhead [--runs 1000] [--on local slurm ray]
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.nvml_simulator.simulator import NvmlSimulator
from tests.support.ray_cluster import RayCluster
from tests.support.slurm_cluster import SlurmCluster, missing_commands
from tests.support.toy_installation import ToyInstallation, write_sheet

_ORDER = {"n1": "3,0", "n2": "2,1"}


class Cost(NamedTuple):
    """Of one place: time per run of the whole batch, and the median time between two ends on one GPU."""

    per_run_s: float
    between_s: float


def main() -> None:
    """Print both figures for each way to run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--on", nargs="+", choices=("local", "slurm", "ray"), default=["local", "slurm", "ray"])
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="es-"))
    os.environ["ENERGY_SCORE_LOCK_DIR"] = str(folder / "locks")  # simulated GPUs are called alike everywhere
    try:
        toy, simulator = ToyInstallation(folder / "toy"), NvmlSimulator(folder)
        toy.install()
        simulator.build()
        print(f"{arguments.runs} runs, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}", flush=True)
        first: Cost | None = None
        for name in arguments.on:
            with _place(name, folder, toy, simulator) as (words, variables):
                cost = _measure(name, arguments.runs, folder=folder, toy=toy, words=words, variables=variables)
            first = first or cost
            per_run, between = cost.per_run_s / first.per_run_s, cost.between_s / first.between_s
            print(f"       {per_run:.2f} x and {between:.2f} x those of {arguments.on[0]}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(
    name: str, runs: int, *, folder: Path, toy: ToyInstallation, words: list[str], variables: Mapping[str, str]
) -> Cost:
    sheet = write_sheet(folder / f"{name}.csv", [f"toy/run-{number:04}" for number in range(runs)])
    output = folder / f"out-{name}"
    environment = toy.environment() | dict(variables)
    start_s = time.monotonic()
    subprocess.run(toy.command(sheet, output, *words), env=environment, check=True, capture_output=True)
    wall_s = time.monotonic() - start_s
    ends: dict[tuple[str, ...], list[datetime]] = defaultdict(list)
    for path in output.glob("individual_runs/*/run_owner.json"):
        owner = json.loads(path.read_text())
        ends[tuple(owner["gpu_uuids"] or ())].append(datetime.fromisoformat(owner["finished_at"]))
    between_s = [
        (later - earlier).total_seconds()
        for times in ends.values()
        for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)
    ]
    done = len(list(output.glob("individual_runs/*/benchmark_report.json")))
    cost = Cost(wall_s / runs, statistics.median(between_s))
    print(
        f"{name:6} {done} done on {len(ends)} GPUs in {wall_s:.0f} s: {cost.per_run_s:.3f} s per run; median "
        f"between two ends on one GPU {cost.between_s:.3f} s",
        flush=True,
    )
    return cost


@contextmanager
def _place(
    name: str, folder: Path, toy: ToyInstallation, simulator: NvmlSimulator
) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    """The words that name the place, and the variables that its driver needs."""
    seen = {"LD_LIBRARY_PATH": str(simulator.folder), "NVML_SIMULATOR_OWN_PROCESS": "0"}
    of_nodes = {
        node: {**seen, "NVML_SIMULATOR_GPUS": "2", "NVML_SIMULATOR_ORDER": order} for node, order in _ORDER.items()
    }
    if name == "local":
        yield ["--executor", "local"], seen
        return
    (folder / name).mkdir()
    if name == "slurm":
        if missing := missing_commands():
            raise SystemExit(f"Slurm is not installed: apt install slurm-wlm munge (missing: {', '.join(missing)})")
        slurm = SlurmCluster(folder / name, variables=of_nodes)
        try:
            slurm.start()
            yield ["--executor", "slurm", "--node-executor", "local"], slurm.environment()
        finally:
            slurm.stop()
        return
    ray = RayCluster(folder / name, toy.python, variables=of_nodes)
    try:
        ray.start()
        yield ["--executor", "ray", "--ray-address", ray.address, "--node-executor", "local"], ray.environment()
    finally:
        ray.stop()


if __name__ == "__main__":
    main()
