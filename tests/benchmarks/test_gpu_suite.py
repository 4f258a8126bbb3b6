"""The GPU suite in its reduced form: the checks that need no model, and the page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu_checks import MAX_DISCREPANCY, MAX_EXCESS
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def said(check: dict[str, Any], most: float, *figures: str) -> bool:
    """Whether ``holds`` says that none of the figures is beyond ``most``."""
    return bool(check["holds"] is all(abs(check[figure]) <= most for figure in figures))


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
    # Its windows are real time: on a busy machine they need not hold, but what they say must be what they found.
    assert said(results["checks"]["counter_against_integral"], MAX_DISCREPANCY, "discrepancy")
    assert said(results["checks"]["linearity"], MAX_EXCESS, "excess_2n", "excess_4n")
    assert results["checks"]["foreign_process"]["holds"] is True
    assert results["checks"]["idle"]["counter_w"] == pytest.approx(60, rel=0.1)
    assert results["checks"]["counter_against_integral"]["mean_power_w"] == pytest.approx(300, rel=0.1)
    page = (tmp_path / "page.md").read_text()
    assert "**Simulated.**" in page
    assert "published" not in page
