"""Weights against the GPUs that NVML shows, as a user asks: on the simulated NVML, below the real pynvml."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import ROOT
from tests.nvml_simulator.simulator import HOPPER_SENSORS, NvmlSimulator
from tests.support.model_cases import SMALL
from tests.support.model_hub import head, write_weights
from tests.support.patience import PATIENCE_S


def test_weights_that_no_visible_gpu_holds_fail(tmp_path: Path, nvml_simulator: NvmlSimulator) -> None:
    for billions in (41, 43):
        folder = tmp_path / f"of-{billions}-B"
        folder.mkdir()
        for name, data in SMALL.items():
            (folder / name).write_bytes(data)
        write_weights(folder / "model.safetensors", head(w=("BF16", [billions * 10**9])))
    done = subprocess.run(
        [sys.executable, str(ROOT / "batch_runner.py"), "preflight", "./of-41-B", "./of-43-B", "--class", "B"],
        cwd=tmp_path, env=nvml_simulator.environment(HF_HUB_OFFLINE=1, **HOPPER_SENSORS), capture_output=True,
        text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    near, over = done.stdout.split("./of-43-B")
    assert "  warn  memory  82 GB of weights" in near
    assert "  fail  memory  86 GB of weights" in over
    assert "1 GPU here holds 85.5 GB" in over
    assert done.stderr == "2 rows: 0 pass, 1 warn, 1 fail; 1 can run, 1 can be submitted\n"
