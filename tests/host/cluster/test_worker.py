"""A single cluster task: started as often as the cluster likes, it does what is left to do and nothing else."""

import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, RepeatPolicy, RunSpec
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.cluster import worker as worker_module
from energy_score.host.cluster.task_list import ClusterTask, NodeSettings, TaskList
from energy_score.host.executors.executor import Executor
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.record_factory import make_config, make_spec
from tests.support.toy_installation import ToyInstallation

pytestmark = pytest.mark.slow

RUN_ID = "toy_run_20261124_120000"


@dataclass(frozen=True)
class Task:
    """One planned run, and the worker for it."""

    toy: ToyInstallation
    listed: TaskList
    directory: RunDirectory

    def start(self, *options: str, job: str = "slurm:5_0") -> "subprocess.Popen[str]":
        command = [str(self.toy.python), "-m", "energy_score.host.cluster.worker", "--list", str(self.listed.file)]
        return subprocess.Popen(
            [*command, "--index", "0", "--job", job, *options], env=self.toy.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, job: str = "slurm:5_0") -> tuple[int, str]:
        worker = self.start(job=job)
        _, told = worker.communicate(timeout=PATIENCE_S)
        return worker.returncode, told

    @property
    def began_count(self) -> int:
        return self.toy.executions("began")[RUN_ID]


def toy_spec(prompts: Path, **changes: object) -> RunSpec:
    policy = RepeatPolicy(protocol="quick", repeats=1, discarded_repeats=0, min_phase_s=0, idle_baseline_s=0)
    limits = GenerationSettings(max_new_tokens=None, min_new_tokens=None, dtype="float32", seed=42)
    return make_spec(
        **{
            "run_id": RUN_ID, "model_id": "toy/run", "model_class": None, "task": "text_classification",
            "backend": "toy", "meter": "none", "dataset": DatasetRef(path=str(prompts), columns=("text",)),
            "query_count": None, "repeat_policy": policy, "warmup_query_count": 0, "generation": limits,
        }
        | changes
    )  # fmt: skip


@pytest.fixture
def task(toy: ToyInstallation, tmp_path: Path) -> Task:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\n", encoding="ascii")
    ledger = Ledger(tmp_path / "out")
    ledger.open()
    ledger.close()
    spec = toy_spec(prompts)
    directory = ledger.start(ResolvedRun("toy_run", make_config(model_id="toy/run"), spec))
    listed = TaskList.of(
        [ClusterTask(name="toy_run", run_id=RUN_ID)], engine="slurm", output_directory=ledger.output_directory,
        gpu_count=1, node=NodeSettings(executor="local", image="", timeout_s=PATIENCE_S),
    )  # fmt: skip
    listed.save()
    return Task(toy, listed, directory)


def test_a_run_that_is_done_is_not_done_again(task: Task) -> None:
    assert task.run()[0] == 0
    assert task.directory.state() is RunState.DONE
    report = task.directory.report_file.read_bytes()
    code, told = task.run()
    assert (code, task.began_count) == (0, 1)
    assert "nothing to do" in told
    assert task.directory.report_file.read_bytes() == report


def test_a_models_own_failure_is_kept_and_no_error_of_the_task(task: Task) -> None:
    task.toy.answer_after(0)
    spec = toy_spec(Path(task.directory.spec().dataset.path or ""), model_id="toy/broken")
    spec.write(task.directory.spec_file)
    assert task.run()[0] == 0
    assert task.directory.state() is RunState.FAILED
    assert task.run()[0] == 0
    assert task.began_count == 1


def test_a_task_whose_order_was_replaced_leaves_the_new_one_alone(task: Task) -> None:
    toy_spec(Path(task.directory.spec().dataset.path or ""), run_id="later").write(task.directory.spec_file)
    code, told = task.run()
    assert code == 0
    assert "has a newer run spec" in told
    assert task.directory.state() is RunState.PLANNED


def test_a_run_that_another_living_process_carries_out_is_left_to_it(task: Task) -> None:
    RunOwner.this_process(RUN_ID, executor="local").write(task.directory.owner_file)
    code, told = task.run()
    assert code == 1
    assert "already running since" in told
    assert task.directory.state() is RunState.RUNNING
    assert task.began_count == 0


def test_a_task_that_is_queued_again_starts_afresh_and_keeps_the_old(task: Task) -> None:
    # The earlier attempt's process cannot be told dead from another node: here it is this one, which lives.
    RunOwner.this_process(RUN_ID, executor="local", cluster_job="slurm:5_0").write(task.directory.owner_file)
    task.directory.queries_file.write_text("half a table", encoding="ascii")
    assert task.run()[0] == 0
    assert task.directory.state() is RunState.DONE
    assert json.loads(task.directory.owner_file.read_text())["attempt"] == 2
    (aside,) = Path(task.listed.output_directory).glob("aside/toy_run.*")
    assert (aside / task.directory.queries_file.name).read_text() == "half a table"


def test_a_stopped_task_says_so_and_is_carried_out_when_queued_again(task: Task) -> None:
    task.toy.answer_after(3600)
    worker = task.start()
    wait_until(lambda: task.began_count == 1)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=PATIENCE_S)
    assert worker.returncode == 130
    assert task.directory.failure().stage == "interrupted"
    task.toy.answer_after(0)
    assert task.run()[0] == 0
    assert task.directory.state() is RunState.DONE
    assert task.began_count == 2


def test_a_stopped_task_ends_its_engine_before_slurm_would_kill_both(monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s, stops = [], []

    class AtOnce(threading.Timer):
        def __init__(self, interval: float, *arguments: Any, **named: Any) -> None:
            waits_s.append(interval)
            super().__init__(0, *arguments, **named)

    class Told:
        def stop(self, *, at_once: bool) -> None:
            stops.append(at_once)

    monkeypatch.setattr("threading.Timer", AtOnce)
    with pytest.raises(KeyboardInterrupt), worker_module._limit_grace_on_sigterm(cast("Executor", Told())):
        signal.raise_signal(signal.SIGTERM)
    wait_until(lambda: stops)
    assert stops == [True]
    assert waits_s[0] <= 20  # Slurm would kill it after 30 s


def test_a_task_whose_starter_dies_leaves_no_process_and_no_word(task: Task) -> None:
    task.toy.answer_after(3600)
    worker = task.start("--end-with-stdin", job="ray:5_0")
    wait_until(lambda: task.began_count == 1)
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(PATIENCE_S) == -signal.SIGKILL
    wait_until(lambda: not engines_of(task))
    assert task.directory.state() is RunState.LOST
    assert not task.directory.failure_file.exists()
    assert worker.stdout is not None
    assert worker.stderr is not None
    worker.stdout.close()
    worker.stderr.close()


def engines_of(task: Task) -> list[str]:
    words = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words.append((entry / "cmdline").read_text(errors="replace"))
            except OSError:
                continue
    return [line for line in words if str(task.directory.path) in line]


def test_a_node_that_cannot_carry_out_the_run_is_named_in_its_record(task: Task) -> None:
    node = NodeSettings(executor="docker", image="sha256:none", timeout_s=PATIENCE_S)
    task.listed.model_copy(update={"node": node}).save()
    worker = task.start()
    worker.communicate(timeout=PATIENCE_S)
    assert worker.returncode == 0  # recorded: no engine is to try it again
    failure = task.directory.failure()
    assert (failure.stage, failure.exit_code) == ("start", 3)
    assert failure.message.startswith(f"{os.uname().nodename}, slurm:5_0: ")
