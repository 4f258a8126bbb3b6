"""Batches on a real Slurm of two nodes with two GPUs each: lost nodes, lost drivers, cancelled jobs, shuffled GPUs."""

import signal

import pytest

from tests.host.cluster.conftest import WATTS, Batch, leased_node
from tests.host.cluster.one_gpu import assert_one_gpu_throughout
from tests.nvml_simulator.simulator import UUIDS
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.e2e, pytest.mark.slurm]


def queued(slurm: SlurmCluster) -> list[str]:
    return slurm.run("squeue", "--noheader", "--array", "--format=%K %t %N").stdout.splitlines()


def test_twenty_runs_survive_the_loss_of_a_node_and_none_that_ended_runs_again(
    on_slurm: Batch, slurm: SlurmCluster
) -> None:
    toy = on_slurm.toy
    toy.answer_after(0.5)
    batch = on_slurm.start(on_slurm.sheet())
    wait_until(lambda: len(on_slurm.done()) >= 3)
    wait_until(lambda: len(toy.held()) == 4)
    lost = {f"toy_run-{int(line.split()[0]):02}" for line in queued(slurm) if line.split()[1:] == ["R", "n2"]}
    assert len(lost) == 2
    slurm.kill("n2")
    done_before = on_slurm.done()
    toy.answer_after(0.5)
    _, told = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 0, told
    assert "20 done, 0 skipped, 0 failed" in told
    rows = on_slurm.rows()
    assert len(rows) == len({row["model_name"] for row in rows}) == 20
    assert not [row for row in rows if row["error_message"]]
    began = toy.executions("began")
    assert {run: began[run] for run in done_before} == dict.fromkeys(done_before, 1)
    kept = {path.name.partition(".")[0] for path in on_slurm.output.glob("aside/*")}
    again = {run.rsplit("_", 2)[0] for run, count in began.items() if count > 1}
    assert again == kept == lost
    assert {on_slurm.record(run, "run_owner.json")["attempt"] for run in kept} == {2}


def test_slurm_finishes_a_batch_whose_program_was_killed_and_collect_takes_it_in(
    on_slurm: Batch, slurm: SlurmCluster
) -> None:
    batch = on_slurm.start(on_slurm.sheet())
    wait_until(on_slurm.toy.held)
    batch.kill()
    batch.communicate()
    early = on_slurm.command("collect")
    assert early.returncode == 0, early.stderr
    assert "; 20 still queued or running at slurm" in early.stderr
    on_slurm.toy.answer_after(0)
    wait_until(lambda: not queued(slurm))
    late = on_slurm.command("collect")
    assert late.returncode == 0, late.stderr
    assert "20 done; 0 still queued or running at slurm" in late.stderr
    assert len([row for row in on_slurm.rows() if not row["error_message"]]) == 20
    assert set(on_slurm.toy.executions("began").values()) == {1}


def test_the_same_command_waits_for_what_is_queued_and_queues_nothing_twice(
    on_slurm: Batch, slurm: SlurmCluster
) -> None:
    sheet = on_slurm.sheet(12)
    batch = on_slurm.start(sheet)
    wait_until(lambda: on_slurm.toy.executions("answered"))
    on_slurm.toy.held()
    batch.send_signal(signal.SIGINT)
    _, told = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 130
    assert "continue without this program" in told
    other = on_slurm.run(sheet, "--seed", "7")
    assert other.returncode == 2
    assert "already queued or running with other options" in other.stderr
    on_slurm.toy.answer_after(0.5)
    again = on_slurm.run(sheet)
    assert again.returncode == 0, again.stderr
    assert "slurm job" not in again.stderr  # nothing new was queued
    assert set(on_slurm.toy.executions("began").values()) == {1}
    assert len(on_slurm.rows()) == 12
    assert "12 skipped" in on_slurm.run(sheet).stderr


def test_a_broken_model_is_recorded_and_no_engine_tries_it_again(on_slurm: Batch) -> None:
    done = on_slurm.run(on_slurm.sheet(2, name="broken"))
    assert done.returncode == 1
    assert [row["error_message"] for row in on_slurm.rows()] == ["warmup: all queries failed"] * 2 or all(
        "this model is broken" in row["error_message"] for row in on_slurm.rows()
    )
    assert set(on_slurm.toy.executions("began").values()) == {1}


def test_cancel_leaves_nothing_running_and_says_so_in_every_run(on_slurm: Batch, slurm: SlurmCluster) -> None:
    on_slurm.toy.answer_after(3600)
    sheet = on_slurm.sheet(6)
    batch = on_slurm.start(sheet)
    wait_until(lambda: len(on_slurm.toy.executions("began")) == 4)
    batch.kill()
    batch.communicate()
    cancelled = on_slurm.command("cancel")
    assert cancelled.returncode == 0, cancelled.stderr
    assert "6 runs cancelled" in cancelled.stderr
    assert not queued(slurm)
    assert not slurm.tasks_on("n1") + slurm.tasks_on("n2")
    assert [row["error_message"].partition(":")[0] for row in on_slurm.rows()] == ["interrupted"] * 6
    on_slurm.toy.answer_after(0)
    again = on_slurm.run(sheet)
    assert "6 done" in again.stderr, again.stderr


def test_a_job_that_leaves_the_queue_without_a_result_is_a_recorded_failure(
    on_slurm: Batch, slurm: SlurmCluster
) -> None:
    on_slurm.toy.answer_after(3600)
    sheet = on_slurm.sheet(5)
    batch = on_slurm.start(sheet)
    wait_until(lambda: len(on_slurm.toy.executions("began")) == 4)
    slurm.run("scancel", "--user=root")
    _, told = batch.communicate(timeout=PATIENCE_S)
    assert batch.returncode == 1, told
    errors = [row["error_message"] for row in on_slurm.rows()]
    assert len([error for error in errors if error.startswith("interrupted: stopped")]) == 4
    assert len([error for error in errors if "left the queue without a result" in error]) == 1


def test_the_gpu_that_slurm_gave_is_the_one_measured_witnessed_and_recorded(on_slurm: Batch) -> None:
    on_slurm.toy.answer_after(0.4)
    done = on_slurm.run(on_slurm.sheet(8), "--meter", "nvml")
    assert done.returncode == 0, done.stderr
    names = [f"toy_run-{number:02}" for number in range(8)]
    used = {assert_one_gpu_throughout(on_slurm, name, dict(zip(UUIDS, WATTS, strict=False))) for name in names}
    assert used <= leased_node("n1") | leased_node("n2")
    assert len(used) >= 3


def test_sbatch_s_refusal_ends_with_its_words_and_nothing_queued(on_slurm: Batch, slurm: SlurmCluster) -> None:
    refused = on_slurm.run(on_slurm.sheet(2), "--slurm-arg=--partition=nowhere")
    assert refused.returncode == 3
    assert "invalid partition" in refused.stderr
    assert not queued(slurm)
    assert "2 done" in on_slurm.run(on_slurm.sheet(2)).stderr
