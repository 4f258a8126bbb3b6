"""The image's entry point, as a container starts it: whatever the user, the home and the writable places are."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
MODEL = "backend.model=openai/gpt-oss-20b"
COMMAND = [sys.executable, "-m", "energy_score.host.cli.entry_point"]


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def test_a_specification_makes_it_the_engine(tmp_path: Path) -> None:
    done = start("--spec", str(tmp_path / "nowhere.json"), "--output", str(tmp_path))
    assert done.returncode == 2
    assert "nowhere.json: cannot be read" in done.stderr
    assert "python -m energy_score.engine" in start("--spec=x", "--help").stdout


def test_becoming_the_engine_keeps_the_process_and_imports_nothing_heavy_before() -> None:
    probe = (
        "import os, sys\n"
        "from energy_score.host.cli.entry_point import main\n"
        "os.execv = lambda path, arguments: (print(path, arguments, sorted(sys.modules)), sys.exit(0))\n"
        "main(['--spec', 'a b', '--output', 'c'])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "['-m', 'energy_score.engine', '--spec', 'a b', '--output', 'c']" in done.stdout.replace(
        f"'{sys.executable}', ", ""
    )
    assert not any(f"'{name}'" in done.stdout for name in ("click", "pydantic", "hydra", "torch", "batch_runner"))


def test_the_version_names_the_revision_of_the_image() -> None:
    done = start("--version", ENERGY_SCORE_REVISION="abc123")
    assert (done.returncode, done.stdout) == (0, "energy-score 0.1.0 (revision abc123)\n")


def test_all_of_the_data_set_is_the_default_in_the_image() -> None:
    def count(*arguments: str) -> int | None:
        done = start("--config-name", "text_generation", MODEL, *arguments, "--dry-run")
        assert done.returncode == 0, done.stderr
        found: int | None = json.loads(done.stdout)["query_count"]
        return found

    assert count() is None
    assert count("scenario.num_samples=3") == 3
    assert count("-n", "4") == 4


def test_the_backend_comes_from_the_environment() -> None:
    done = start(MODEL, "--dry-run", BENCHMARK_BACKEND="abacus")
    assert done.returncode == 2
    assert "BENCHMARK_BACKEND" in done.stderr or "abacus" in done.stderr


@pytest.fixture
def as_nobody() -> list[str]:
    """What starts a command as a user that the machine does not know."""
    prefix = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    if subprocess.run([*prefix, *COMMAND, "--version"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("another user may not read this checkout or its Python")
    return prefix


def test_a_user_without_a_name_or_a_home_is_served(as_nobody: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        results = Path(folder) / "results"
        environment = {"PATH": os.environ["PATH"], "RESULTS_DIR": str(results), "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            [*as_nobody, *COMMAND, MODEL, "backend.device=cuda"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 3, done.stderr
        assert "backend.device=cuda: " in done.stderr
        assert results.stat().st_uid == 54321


def test_where_nothing_else_can_be_written_the_results_directory_is_home_and_temporary(tmp_path: Path) -> None:
    probe = (
        "import os, tempfile\n"
        "from energy_score.host.cli.entry_point import _have_a_home\n"
        "tempfile._get_default_tempdir = lambda: (_ for _ in ()).throw(FileNotFoundError())\n"
        "_have_a_home()\n"
        "print(os.environ['TMPDIR'], os.environ['HOME'], tempfile.gettempdir())"
    )
    environment = {"PATH": os.environ["PATH"], "RESULTS_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, env=environment, capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.split() == [str(tmp_path)] * 3


def test_sigterm_before_the_run_ends_it_as_an_interrupt() -> None:
    probe = (
        "import os, signal, sys\n"
        "import energy_score.host.cli.entry_point as entry_point\n"
        "entry_point._have_a_home = lambda: os.kill(os.getpid(), signal.SIGTERM)\n"
        "entry_point.main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
