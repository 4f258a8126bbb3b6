"""Wall time of a batch with ``--jobs 4`` against one run at a time, on four simulated GPUs.

12 rows of classes A and B take one GPU each, 2 of class C two. The runs are real ones whose model only waits, as a host
does for its GPU; so the ratio says what the scheduling gives, on a CPU that is not the limit. Ends with 1 where a GPU
was leased twice at a time.

Run: python -m benchmarks.batch_on_gpus [--seconds 5]; needs gcc
"""

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_owner import RunOwner
from tests.drills.toy_workplace import ToyWorkplace, mixed_sheet
from tests.nvml_simulator.simulator import NvmlSimulator


def main() -> int:
    """Print both wall times and their ratio; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the queries of one run take")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workplace = ToyWorkplace(Path(folder))
        workplace.build()
        workplace.queries(*[f"sleep {arguments.seconds / 5}"] * 5)
        sheet = mixed_sheet(workplace)
        simulator = NvmlSimulator(Path(folder) / "nvml")
        simulator.folder.mkdir()
        simulator.build()
        environment = simulator.environment(
            gpus=4, own_process=0, ENERGY_SCORE_LOCK_DIR=Path(folder) / "locks", HF_HUB_OFFLINE=1
        )
        wall_s, twice = {}, 0
        for jobs in (1, 4):
            output = Path(folder) / f"out-{jobs}"
            command = workplace.command(sheet, output, "--jobs", str(jobs), "--meter", "nvml")
            start_s = time.monotonic()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            wall_s[jobs] = time.monotonic() - start_s
            twice += _leased_twice(output)
    print(f"one at a time {wall_s[1]:.1f} s, --jobs 4 {wall_s[4]:.1f} s: ratio {wall_s[1] / wall_s[4]:.2f}")
    print("the best possible is 16 GPU-runs over 4 GPUs, 14 runs: 3.5")
    print(f"GPUs leased twice at a time: {twice}")
    return 1 if twice else 0


def _leased_twice(output: Path) -> int:
    """How many pairs of runs had a GPU in common while both were under way."""
    owners = [RunOwner.read(RunDirectory(path).owner_file) for path in sorted((output / "individual_runs").iterdir())]
    return sum(
        bool(set(one.gpu_uuids or ()) & set(other.gpu_uuids or ()))
        for one, other in combinations(owners, 2)
        if one.finished_at is not None
        and other.finished_at is not None
        and one.started_at < other.finished_at
        and other.started_at < one.finished_at
    )


if __name__ == "__main__":
    sys.exit(main())
