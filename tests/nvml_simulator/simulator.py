"""Builds the simulated NVML, and runs Python with the real pynvml on top of it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml_simulator.c")
REPOSITORY = SOURCE.parents[2]
UUIDS = tuple(f"GPU-{index:08x}-0000-4000-8000-000000000000" for index in range(16))


@dataclass(frozen=True)
class NvmlSimulator:
    """A built library, in a folder of its own for LD_LIBRARY_PATH."""

    folder: Path

    @property
    def compiler(self) -> str | None:
        return shutil.which("gcc")

    def build(self) -> None:
        library = self.folder / "libnvidia-ml.so.1"
        flags = ("-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1")
        subprocess.run(["gcc", *flags, "-o", str(library), str(SOURCE)], check=True)

    def run(self, script: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run ``script``; ``settings`` are the simulator's (``watts=300``), or whole variables in capitals."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CUDA_")}
        given = {
            (name if name.isupper() else f"NVML_SIMULATOR_{name.upper()}"): str(value)
            for name, value in settings.items()
        }
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=REPOSITORY,
            env={**inherited, "LD_LIBRARY_PATH": str(self.folder), "PYTHONPATH": str(REPOSITORY), **given},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
