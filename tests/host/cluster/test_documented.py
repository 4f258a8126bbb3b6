"""The commands of docs/cluster.md, word for word, on the real clusters."""

import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S, wait_until
from tests.support.ray_cluster import RayCluster
from tests.support.slurm_cluster import CONF, SlurmCluster
from tests.support.toy_installation import ROOT, ToyInstallation, write_sheet

PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)[^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))


def documented(section: str) -> list[str]:
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", SECTIONS[section], re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if "batch_runner.py" in line]


class Checkout:
    """A folder that looks like the repository's root to the commands, in which ``python`` has the toy backend."""

    def __init__(self, folder: Path, toy: ToyInstallation, variables: dict[str, str]) -> None:
        self.folder, self.toy = folder, toy
        for path in ROOT.glob("*.py"):
            (folder / path.name).symlink_to(path)
        write_sheet(folder / "models.csv", [f"toy/run-{number}" for number in range(6)])
        (folder / "custom.csv").write_text("text\nWhat is energy?\n", encoding="utf-8")
        self._environment = toy.environment() | variables | {"BENCHMARK_BACKEND": "toy"}

    def start(self, line: str) -> "subprocess.Popen[str]":
        words = [str(self.toy.python) if word == "python" else word for word in shlex.split(line)]
        return subprocess.Popen(
            words, cwd=self.folder, env=self._environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, line: str) -> tuple[int, str]:
        program = self.start(line)
        _, told = program.communicate(timeout=PATIENCE_S)
        return program.returncode, told


@pytest.mark.slurm
def test_slurms_commands_submit_collect_resume_and_cancel(
    slurm: SlurmCluster, toy: ToyInstallation, tmp_path: Path
) -> None:
    submit, collect, wait, cancel = documented("Slurm")
    checkout = Checkout(tmp_path, toy, slurm.environment())
    batch = checkout.start(submit)
    wait_until(toy.held)
    batch.send_signal(signal.SIGINT)
    assert "continue without this program" in batch.communicate(timeout=PATIENCE_S)[1]
    code, told = checkout.run(collect)
    assert code == 0, told
    assert "; 6 still queued or running at slurm" in told
    toy.answer_after(0)
    code, told = checkout.run(wait)
    assert code == 0, told
    assert "6 done; 0 still queued or running at slurm" in told
    assert "6 skipped" in checkout.run(submit)[1]
    toy.answer_after(3600)
    write_sheet(tmp_path / "models.csv", ["toy/later"])
    batch = checkout.start(submit)
    wait_until(lambda: [run for run in toy.executions("began") if "later" in run])
    batch.kill()
    batch.communicate()
    code, told = checkout.run(cancel)
    assert (code, "1 run cancelled" in told) == (0, True), told


@pytest.mark.ray
def test_rays_command_runs_a_batch(ray_cluster: RayCluster, toy: ToyInstallation, tmp_path: Path) -> None:
    ray_cluster.start_missing()
    (submit,) = documented("Ray")
    checkout = Checkout(tmp_path, toy, ray_cluster.environment())
    code, told = checkout.run(submit.replace("127.0.0.1:6379", ray_cluster.address))
    assert code == 0, told
    assert "6 done" in told


def test_the_page_shows_the_configuration_that_the_tests_run() -> None:
    (shown,) = re.findall(r"^```ini\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert [line for line in shown.splitlines() if line not in CONF.splitlines()] == []
