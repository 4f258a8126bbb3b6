"""The leaderboard of the demo batch, made by the command and opened in a real Chromium."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import ROOT, DemoBatch, environment
from tests.support.leaderboard_pages import column, leaderboard
from tests.support.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_the_demo_s_leaderboard_opens_and_says_what_was_not_measured(
    demo: DemoBatch,
    tmp_path: Path,
    visit: SimpleNamespace,
) -> None:
    site = tmp_path / "board"
    command = [sys.executable, str(ROOT / "batch_runner.py"), "leaderboard", "--results", str(demo.output), "--site",
               str(site)]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    page = leaderboard(visit, site)
    assert len(column(page, "Model")) == 6
    assert set(column(page, "Wh per 1,000")) == {"not measured"}
    assert set(column(page, "Stars")) == {"Not rated: no GPU energy was measured"}
    page.get_by_role("link", name="Qwen3-tiny").first.click()
    assert "GPU energy was not measured." in page.locator("main").inner_text()
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
