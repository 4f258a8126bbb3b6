"""The guides work as printed: every block, in order, in a copy of the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guide_blocks import GUIDES, Block, blocks_of
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
# The environment that runs the tests stays as it is: packages go beside the copy, where its engine looks as well.
_INSTALL = "pip install -e ./"
_INSTALL_HERE = "python -m pip install --quiet --no-deps --no-build-isolation --no-index --target . ./"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What a reader has after ``make demo``, as far as the guides use it."""
    folder = tmp_path / "a repository"
    folder.mkdir()
    for name in ("energy_score", "examples", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.py"), ROOT / "models.csv"):
        shutil.copy(path, folder)
    return folder


def typed(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {
        "PATH": path, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"
    }  # fmt: skip
    if block.kind == "python":
        command = [sys.executable, "-c", block.text]
    else:
        text = block.text.replace("source .venv/bin/activate\n", "").replace(_INSTALL, _INSTALL_HERE)
        if "demo/hub" in text:  # it would download a model of several GB
            text = text.replace("python batch_runner.py ", "python batch_runner.py --dry-run ")
        command = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_works_as_printed(guide: str, repository: Path) -> None:
    for block in blocks_of(ROOT / guide if guide == "CONTRIBUTING.md" else ROOT / "docs" / guide):
        if block.file is not None:
            path = repository / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            continue
        done = typed(block, repository)
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
