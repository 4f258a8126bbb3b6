"""Batches on a real Ray of two nodes with two GPUs each: lost nodes, lost drivers, Ctrl-C, shuffled GPUs."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.host.cluster.conftest import WATTS, Batch, leased_node
from tests.host.cluster.one_gpu import assert_one_gpu_throughout
from tests.nvml_simulator.simulator import UUIDS
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.ray_cluster import RayCluster

pytestmark = [pytest.mark.e2e, pytest.mark.ray]


def processes_of(batch: Batch) -> list[int]:
    """Workers and engines that know the batch's output directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(batch.output) in words and "batch_runner" not in words:
                found.append(int(entry.name))
    return found


def names_on(batch: Batch, node: str, run_ids: set[str]) -> set[str]:
    """The directories of those of the runs whose GPU is the node's."""
    owners = {
        path.parent.name: batch.record(path.parent.name, path.name)
        for path in batch.output.glob("individual_runs/*/run_owner.json")
    }
    return {
        name
        for name, owner in owners.items()
        if owner["run_id"] in run_ids and set(owner["gpu_uuids"]) <= leased_node(node)
    }


def test_twenty_runs_survive_the_loss_of_a_node_and_none_that_ended_runs_again(
    on_ray: Batch, ray_cluster: RayCluster
) -> None:
    toy = on_ray.toy
    toy.answer_after(0.5)
    batch = on_ray.start(on_ray.sheet())
    wait_until(lambda: len(on_ray.done()) >= 3)
    wait_until(lambda: len(toy.held()) == 4)
    lost = names_on(on_ray, "n2", toy.held())
    assert len(lost) == 2
    done_before = on_ray.done()
    ray_cluster.kill("n2")
    toy.answer_after(0.5)
    _, told = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 0, told
    assert "20 done, 0 skipped, 0 failed" in told
    rows = on_ray.rows()
    assert len(rows) == len({row["model_name"] for row in rows}) == 20
    assert not [row for row in rows if row["error_message"]]
    began = toy.executions("began")
    assert {run: began[run] for run in done_before} == dict.fromkeys(done_before, 1)
    kept = {path.name.partition(".")[0] for path in on_ray.output.glob("aside/*")}
    again = {run.rsplit("_", 2)[0] for run, count in began.items() if count > 1}
    assert again == kept == lost
    assert {on_ray.record(run, "run_owner.json")["attempt"] for run in kept} == {2}


def test_a_killed_program_ends_its_runs_and_the_same_command_resumes(on_ray: Batch) -> None:
    on_ray.toy.answer_after(0.5)
    sheet = on_ray.sheet(12)
    batch = on_ray.start(sheet)
    wait_until(lambda: len(on_ray.done()) >= 2)
    wait_until(lambda: len(on_ray.toy.held()) == 4)
    batch.kill()
    batch.communicate()
    wait_until(lambda: not processes_of(on_ray))
    done_before = on_ray.done()
    collected = on_ray.command("collect")
    assert collected.returncode == 1
    assert "4 failed" in collected.stderr
    assert "slurm" not in collected.stderr
    errors = [row["error_message"] for row in on_ray.rows()]
    assert len([error for error in errors if "its Ray batch ended first" in error]) == 4
    on_ray.toy.answer_after(0)
    again = on_ray.run(sheet)
    assert again.returncode == 0, again.stderr
    assert f"{12 - len(done_before)} done, {len(done_before)} skipped" in again.stderr
    began = on_ray.toy.executions("began")
    assert {run: began[run] for run in done_before} == dict.fromkeys(done_before, 1)
    assert len(on_ray.rows()) == 12


def test_ctrl_c_cancels_every_task_and_leaves_no_process(on_ray: Batch) -> None:
    on_ray.toy.answer_after(3600)
    sheet = on_ray.sheet(6)
    batch = on_ray.start(sheet)
    wait_until(lambda: len(on_ray.toy.executions("began")) == 4)
    batch.send_signal(signal.SIGINT)
    _, told = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 130, told
    assert not processes_of(on_ray)
    errors = [row["error_message"].partition(":")[0] for row in on_ray.rows()]
    assert sorted(errors) == ["interrupted"] * 4 + ["planned"] * 2
    on_ray.toy.answer_after(0)
    assert "6 done" in on_ray.run(sheet).stderr


def test_the_gpu_that_ray_gave_is_the_one_measured_witnessed_and_recorded(on_ray: Batch) -> None:
    on_ray.toy.answer_after(0.4)
    done = on_ray.run(on_ray.sheet(8), "--meter", "nvml")
    assert done.returncode == 0, done.stderr
    names = [f"toy_run-{number:02}" for number in range(8)]
    used = {assert_one_gpu_throughout(on_ray, name, dict(zip(UUIDS, WATTS, strict=False))) for name in names}
    assert used <= leased_node("n1") | leased_node("n2")
    assert len(used) >= 3


def test_a_broken_model_is_recorded_and_no_engine_tries_it_again(on_ray: Batch) -> None:
    done = on_ray.run(on_ray.sheet(2, name="broken"))
    assert done.returncode == 1
    assert all("this model is broken" in row["error_message"] for row in on_ray.rows())
    assert set(on_ray.toy.executions("began").values()) == {1}


@pytest.fixture
def apart(on_ray: Batch, ray_cluster: RayCluster) -> Batch:
    """The batch if no node can access the output directory: both have an empty file system there."""
    on_ray.output.mkdir()
    tried = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    if os.geteuid() != 0 or tried.returncode:
        pytest.skip("needs root and mount namespaces, to hide a folder from a node")
    hide = f"mount -t tmpfs none '{on_ray.output}' && exec \"$@\""
    for node in ("n2", "n1"):
        ray_cluster.kill(node)
    ray_cluster.before = dict.fromkeys(("n1", "n2"), ("unshare", "--mount", "sh", "-c", hide, "sh"))
    ray_cluster.start()
    # The cluster stays so: what it hides is this test's folder alone.
    return Batch(on_ray.toy, on_ray.output, (*on_ray.on[:3], ray_cluster.address, *on_ray.on[4:]), on_ray.variables)


def test_nodes_without_the_output_directory_send_their_files_whole(apart: Batch) -> None:
    done = apart.run(apart.sheet(6))
    assert done.returncode == 0, done.stderr
    assert "6 done" in done.stderr
    for number in range(6):
        run = apart.output / f"individual_runs/toy_run-{number:02}"
        assert {"run_spec.json", "run_owner.json", "benchmark_report.json"} <= {path.name for path in run.iterdir()}
    assert len(list(apart.output.glob("logs/toy_run-*.log"))) == 6
    assert set(apart.toy.executions("began").values()) == {1}
    assert "6 skipped" in apart.run(apart.sheet(6)).stderr
