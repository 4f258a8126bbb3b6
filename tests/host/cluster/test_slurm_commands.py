"""What sbatch is told; its script, run by a real shell."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.host.cluster.slurm_commands import queued_tasks, refuse_slurm_arguments, require_slurm, script, submit
from energy_score.host.cluster.task_list import ClusterTask, NodeSettings, TaskList


def make_list(folder: Path, *, gpu_count: int = 1, count: int = 3) -> TaskList:
    tasks = [ClusterTask(name=f"run{number}", run_id=f"id{number}") for number in range(count)]
    node = NodeSettings(executor="local", image="ai_energy_score", timeout_s=60)
    return TaskList.of(tasks, engine="slurm", output_directory=folder, gpu_count=gpu_count, node=node)


@pytest.mark.parametrize(
    "word",
    ["--array=0-5", "--arr=0-5", "--gres=gpu:4", "--gpus=2", "-G2", "-a0-5", "--job-name=mine", "-Jmine",
     "--no-requeue", "--parsable", "--wrap=ls", "-W", "--output=elsewhere", "-o", "--chdir=/", "-D/", "--test-only"],
)  # fmt: skip
def test_an_option_that_the_batch_sets_is_refused_also_when_abbreviated(word: str) -> None:
    with pytest.raises(UsageError, match=r"is set by the batch itself\. Use only"):
        refuse_slurm_arguments([word])


@pytest.mark.parametrize("word", ["gpu", "job.sh", "-", "--", ""])
def test_a_word_that_is_no_option_is_refused(word: str) -> None:
    with pytest.raises(
        UsageError, match=r"not an sbatch option \(expected one argument, such as --slurm-arg=--partition=gpu"
    ):
        refuse_slurm_arguments([word])


def test_where_and_for_how_long_may_be_said() -> None:
    refuse_slurm_arguments(
        ["--partition=gpu", "--account=a b", "--time=8:00:00", "-pgpu", "--nodelist=n1", "--mem=64G"]
    )


def test_the_script_becomes_the_worker_whatever_the_paths_hold(tmp_path: Path) -> None:
    listed = make_list(tmp_path / "a 'quoted' $HOME folder")
    text = script(listed.file).replace("-m energy_score.host.cluster.worker", "-c 'import sys; print(sys.argv[1:])'")
    environment = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_JOB_ID": "41", "PYTHONPATH": "/before"}
    done = subprocess.run(["sh"], input=text, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(["--list", str(listed.file), "--index", "7", "--job", "slurm:41_7"])
    assert text.startswith(f"#!/bin/sh\nexport PYTHONPATH={shlex.quote(str(Path(__file__).resolve().parents[3]))}")
    assert f"exec {shlex.quote(sys.executable)}" in text


def stand_in(folder: Path, name: str, body: str) -> None:
    """A command of that name in ``folder``."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)


def test_sbatch_gets_every_word_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path, "sbatch", f'for word; do echo "$word" >>{tmp_path}/words; done; cat >/dev/null; echo "12;cluster"'
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    listed = make_list(tmp_path / "out put", gpu_count=4)
    assert submit(listed, ["--comment=$(touch x) y"]) == "12"
    assert (tmp_path / "words").read_text().splitlines() == [
        "--parsable", f"--job-name={listed.job_name}", "--array=0-2", "--gres=gpu:4", "--requeue",
        f"--chdir={tmp_path}/out put", f"--output=logs/{listed.job_name}-%a.log", "--open-mode=append",
        "--comment=$(touch x) y",
    ]  # fmt: skip


def test_a_run_without_gpus_asks_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "sbatch", f'echo "$@" >{tmp_path}/words; cat >/dev/null; echo 12')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    submit(make_list(tmp_path, gpu_count=0), [])
    assert "gres" not in (tmp_path / "words").read_text()


def test_a_queue_that_cannot_be_asked_is_an_error_and_never_an_empty_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(EnvironmentNotReadyError, match="squeue: Unable to contact slurm controller"):
        queued_tasks(["energy-score-1"])


def test_a_slurm_without_an_answer_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sbatch", "squeue", "scancel"):
        stand_in(tmp_path, name, "echo 'fatal: Could not establish a configuration source' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        EnvironmentNotReadyError,
        match=r"squeue: fatal: .*\. Make sure that sinfo works "
        r"here: run this on a login",
    ):
        require_slurm()


def test_a_machine_without_slurm_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        EnvironmentNotReadyError, match=r"sbatch, squeue, scancel not found on PATH\. Run this on a login"
    ):
        require_slurm()
