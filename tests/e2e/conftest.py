"""The demo batch, run once as a user would, and the means to run others."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import pytest
from click.testing import CliRunner

from energy_score.host.cli.commands import bundle
from energy_score.reports.submission.bundle_manifest import BundleManifest
from energy_score.reports.submission.verify import verify_file
from examples.demo import PROMPTS, write_demo
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Workplace:
    """A folder with tiny models and prompts, in which sheets are run."""

    folder: Path
    executor: str = "local"

    def command(self, sheet: Path, output: Path, *options: str) -> list[str]:
        return [
            sys.executable, str(ROOT / "batch_runner.py"), "--executor", self.executor, "--csv", str(sheet),
            "--prompts-file", str(self.folder / "prompts.txt"), "--protocol", "quick", "--max-new-tokens-on", "24",
            "--warmup", "1", "--output-dir", str(output), *options,
        ]  # fmt: skip

    def run(self, sheet: Path, output: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(sheet, output, *options),
            check=False, capture_output=True, text=True, env=environment() | variables, timeout=PATIENCE_S,
        )  # fmt: skip

    def start(self, sheet: Path, output: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(sheet, output, *options),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment() | variables,
        )  # fmt: skip

    def sheet(self, name: str, rows: Sequence[str]) -> Path:
        """A sheet beside the models; each row is ``MODEL,STATE``."""
        lines = ["Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"]
        lines += [f"{model},1,A,text_gen,{state},{cell}" for model, state, cell in (row.split(",") for row in rows)]
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("workplace with space")
    write_demo(folder)
    return Workplace(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root, to mount a small tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture(scope="session")
def containers(workplace: Workplace, engine: docker.DockerClient, image: str) -> Workplace:
    """The same workplace, its runs in containers."""
    return replace(workplace, executor="docker")


def accepts_gpu_requests(engine: docker.DockerClient, image: str) -> bool:
    """Whether the engine starts a container that asks for a GPU."""
    request = docker.types.DeviceRequest(device_ids=["GPU-0"], capabilities=[["gpu"]])
    container = engine.containers.create(image, ["--version"], device_requests=[request], network_mode="none")
    try:
        container.start()
    except docker.errors.APIError:
        return False
    finally:
        container.remove(force=True)
    return True


@dataclass(frozen=True)
class DemoBatch:
    """The demo batch after its first run."""

    workplace: Workplace
    output: Path
    first_run: subprocess.CompletedProcess[str]

    def again(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.workplace.run(self.workplace.folder / "models.csv", self.output, "--save-text", *options)

    @property
    def prompt_count(self) -> int:
        return len(PROMPTS.splitlines())


def manifest_of_a_bundle(output: Path, file: Path) -> BundleManifest:
    """All runs of ``output`` as a bundle in ``file``, which was verified: every figure follows from its readings."""
    arguments = ["--results", str(output), "--unrateable", "--i-attest", str(file)]
    made = CliRunner().invoke(bundle.command, arguments, catch_exceptions=False)
    assert made.exit_code == 0, made.output
    verification = verify_file(file)
    assert verification.findings == ()
    assert verification.manifest is not None
    return verification.manifest


@pytest.fixture(scope="session")
def demo(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> DemoBatch:
    output = tmp_path_factory.mktemp("demo") / "batch results"
    first_run = workplace.run(workplace.folder / "models.csv", output, "--save-text")
    return DemoBatch(workplace, output, first_run)
