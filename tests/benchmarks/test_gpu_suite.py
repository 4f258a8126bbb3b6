"""The GPU suite in its reduced form: the checks that need no model, and the page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed: the simulated NVML cannot be built")
def test_the_suite_runs_on_the_simulator_and_says_that_it_did(tmp_path: Path) -> None:
    checks = ("periods", "counter_against_integral", "idle", "linearity", "foreign_process")
    command = [sys.executable, "-m", "benchmarks.gpu_suite", "--simulated", "--out", str(tmp_path / "out.json"),
               "--page", str(tmp_path / "page.md")]  # fmt: skip
    for check in checks:
        command += ["--only", check]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out.json").read_text())
    assert results["simulated"] is True
    assert set(results["checks"]) == set(checks)
    assert all(check.get("holds", True) for check in results["checks"].values())
    assert results["checks"]["idle"]["counter_w"] == pytest.approx(60, rel=0.01)
    page = (tmp_path / "page.md").read_text()
    assert "**Simulated.**" in page
    assert "published" not in page
