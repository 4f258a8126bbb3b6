"""Facts about the program as a package: built, installed outside of the checkout, and used from an empty folder."""

import csv
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
USER_PROGRAM = """\
from pathlib import Path

from energy_score.contract.run_report import RunReport
from model_config_parser import ModelConfigParser
from results_aggregator import ResultsAggregator

reveal_type(ModelConfigParser("models.csv").parse())
reveal_type(RunReport.read(Path("benchmark_report.json")).verdict.rateable)
reveal_type(ResultsAggregator(Path("batch_results")).write_master_csv())
"""


def run(*words: object, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command in ``folder``, which finds nothing of the checkout through this process's variables."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(word) for word in words], cwd=folder, env=kept | {"HF_HUB_OFFLINE": "1"} | variables,
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "source", ignore=_without_what_was_made, symlinks=True)
    sdist = folder / _build("build_sdist", folder / "source", folder)
    shutil.unpack_archive(sdist, folder, filter="data")
    return sdist, folder / _build("build_wheel", folder / sdist.name.removesuffix(".tar.gz"), folder)


def _without_what_was_made(folder: str, names: list[str]) -> set[str]:
    known = {"docs", "energy_score", "tests", "benchmarks", "stubs"}
    return {name for name in names if name == "__pycache__"} | {
        name for name in names if Path(folder) == ROOT and (ROOT / name).is_dir() and name not in known
    }


def _build(hook: str, source: Path, target: Path) -> str:
    program = f"import sys; from setuptools import build_meta; print(build_meta.{hook}(sys.argv[1]))"
    built = run(sys.executable, "-c", program, target, folder=source)
    assert built.returncode == 0, built.stderr
    return built.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment that has the wheel; what it depends on is that of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    site = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    shutil.unpack_archive(distributions[1], site, "zip")
    paths = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    found = run(python, "-c", "import energy_score; print(energy_score.__file__)", folder=folder)
    assert found.stdout.startswith(str(site)), found
    return python


def test_the_source_distribution_has_no_tests_and_the_wheel_has_the_sheet_and_the_types(
    distributions: tuple[Path, Path],
) -> None:
    with tarfile.open(distributions[0]) as archive:
        assert [name for name in archive.getnames() if "/tests" in name or "/benchmarks" in name] == []
    with zipfile.ZipFile(distributions[1]) as wheel:
        names = wheel.namelist()
        assert wheel.read("energy_score/host/sheet/models.csv") == (ROOT / "models.csv").read_bytes()
    assert "energy_score/py.typed" in names


def test_two_rows_run_and_become_a_site(installed: Path, tmp_path: Path, tiny_models: Path) -> None:
    (tmp_path / "prompts.txt").write_text("What is energy?\n", encoding="utf-8")
    (tmp_path / "models.csv").write_text(
        "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n"
        f"{tiny_models}/Qwen3-tiny,1,A,text_gen,On,\n{tiny_models}/Qwen3-tiny,1,A,text_gen,Off,\n",
        encoding="utf-8",
    )
    batch = run(
        installed, "-m", "batch_runner", "--executor", "local", "--prompts-file", "prompts.txt", "-n", "1", "--meter",
        "none", "--max-new-tokens-on", "4", folder=tmp_path,
    )  # fmt: skip
    assert batch.returncode == 0, batch.stderr
    with (tmp_path / "batch_results" / "master_results.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["successful_prompts"] for row in csv.DictReader(stream)] == ["1", "1"]
    site = run(installed, "-m", "batch_runner", "leaderboard", folder=tmp_path)
    assert site.returncode == 0, site.stderr
    assert (tmp_path / site.stdout.strip()).is_file()


def test_without_a_sheet_the_shipped_one_is_named_and_can_be_listed(installed: Path, tmp_path: Path) -> None:
    none = run(installed, "-m", "batch_runner", "list", folder=tmp_path)
    assert none.returncode == 2
    shipped = none.stderr.strip().rpartition(": ")[2]
    assert run(installed, "-m", "batch_runner", "list", shipped, folder=tmp_path).stdout.count("\n") == 61


def test_a_missing_package_is_answered_with_a_command_for_an_installed_package(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "jinja2.py").write_text("raise ModuleNotFoundError(\"No module named 'jinja2'\", name='jinja2')\n")
    (tmp_path / "individual_runs").mkdir()
    done = run(
        installed, "-m", "batch_runner", "leaderboard", "--results", tmp_path, folder=tmp_path, PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 3, done.stderr
    assert 'pip install "ai-energy-score-batch-runner[reports]"' in done.stderr


def test_a_users_program_sees_types(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(USER_PROGRAM, encoding="utf-8")
    checked = run(
        sys.executable, "-m", "mypy", "--strict", "--python-executable", installed, "program.py", folder=tmp_path
    )
    assert checked.returncode == 0, checked.stdout
    assert "list[energy_score.contract.model_config.ModelConfig]" in checked.stdout
    assert '"Any"' not in checked.stdout
