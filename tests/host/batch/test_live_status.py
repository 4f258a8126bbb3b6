"""Facts about the file that other terminals and a watchdog read."""

import io
from pathlib import Path

import pytest

from energy_score.contract.errors import RecordError
from energy_score.host.batch import live_status
from energy_score.host.batch.batch_status import BatchStatus
from energy_score.host.batch.live_status import FILE_NAME, LiveStatus
from energy_score.host.batch.overview import Overview, lines_of
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import PlainProgress
from tests.support.record_factory import make_config, make_owner, make_run, make_spec

PROGRESS = {
    "event": "progress", "phase": "full", "queries_done": 5, "queries_planned": 20, "gpu_energy_j": 7200.0,
    "cpu_energy_j": None, "gpu_power_w": 412.3,
}  # fmt: skip


def run(name: str) -> ResolvedRun:
    return ResolvedRun(name, make_config(model_id=f"org/{name}", reasoning_state=""), make_spec())


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveStatus:
    monkeypatch.setattr(live_status, "_AT_MOST_EVERY_S", 0.0)
    status = LiveStatus(PlainProgress(io.StringIO()), tmp_path, jobs=2)
    status.batch_started(run_count=4, headline="4 rows")
    return status


def told(tmp_path: Path) -> BatchStatus:
    return BatchStatus.read(tmp_path / FILE_NAME)


def test_a_run_under_way_is_told_with_its_gpus_stage_power_energy_and_rest(live: LiveStatus, tmp_path: Path) -> None:
    live.run_started(run("a"), gpu_uuids=("GPU-a",), number=2)
    live.engine_event(run("a"), {"event": "stage", "stage": "measure"})
    live.engine_event(run("a"), PROGRESS)
    live.beat()
    (under_way,) = told(tmp_path).under_way
    assert (under_way.stage, under_way.phase, under_way.queries_done, under_way.attempt) == ("measure", "full", 5, 2)
    assert under_way.eta_s is not None
    make_run(tmp_path, "a", owner=make_owner(finished_at=None, cluster_job="slurm:7_1"))
    lines = list(lines_of(Overview.of(tmp_path)))
    assert (
        "  runs  org/a [local, slurm:7_1] on GPU-a (attempt 2): measure, full, 5/20 queries, 412 W, 2 Wh GPU"
        in lines[2]
    )
    node = make_owner().process.model_copy(update={"host": "node7", "pid": "42"})
    make_run(tmp_path, "b", owner=make_owner(process=node, finished_at=None))
    make_run(tmp_path, "c", owner=make_owner(finished_at=None))
    lines = list(lines_of(Overview.of(tmp_path)))
    assert lines[3:5] == ["  runs  b elsewhere: process 42 on node7", "  runs  c: just started"]
    live.engine_event(run("ended"), PROGRESS)  # a last word after a run's end
    live.batch_finished("")


def test_failures_counts_and_the_rest_of_the_batch_are_told(live: LiveStatus, tmp_path: Path) -> None:
    live.run_started(run("a"))
    live.run_finished(run("a"), outcome="failed", row=None, detail="load: no such file")
    live.run_finished(run("b"), outcome="skipped", row=None, detail="already done")
    live.beat()
    status = told(tmp_path)
    assert status.counts == {"failed": 1, "skipped": 1}
    assert [(failure.label, failure.message) for failure in status.recent_failures] == [("org/a", "load: no such file")]
    assert status.eta_s is not None
    live.batch_finished("all")
    overview = Overview.of(tmp_path)
    assert (overview.state, overview.is_over, overview.has_died) == ("finished", True, False)
    assert "2 of 4 runs ended: 1 failed, 1 skipped" in list(lines_of(overview))[1]


def test_a_batch_that_left_runs_unbegun_is_told_stopped_and_not_finished(live: LiveStatus, tmp_path: Path) -> None:
    for name in "abc":
        live.run_finished(run(name), outcome="skipped", row=None, detail="")
    live.batch_finished("")
    assert next(lines_of(Overview.of(tmp_path))).startswith("stopped ")
    live.run_finished(run("d"), outcome="skipped", row=None, detail="")
    live.batch_finished("")
    assert next(lines_of(Overview.of(tmp_path))).startswith("finished ")


def test_the_file_is_not_written_more_often_than_once_a_second(
    live: LiveStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_status, "_AT_MOST_EVERY_S", 60.0)
    before = (tmp_path / FILE_NAME).stat().st_mtime_ns
    live.run_started(run("a"))
    live.beat()
    assert (tmp_path / FILE_NAME).stat().st_mtime_ns == before
    live.batch_finished("")  # the last word is always written
    assert told(tmp_path).finished_at is not None


def test_a_batch_whose_process_is_gone_is_told_dead_and_its_runs_lost(live: LiveStatus, tmp_path: Path) -> None:
    live.run_started(run("a"))
    live.beat()
    status = told(tmp_path)
    gone = status.process.model_copy(update={"started": "1"})
    status.model_copy(update={"process": gone}).write(tmp_path / FILE_NAME)
    overview = Overview.of(tmp_path)
    assert (overview.state, overview.has_died) == ("died", True)
    first, _, lost = lines_of(overview)
    assert f"process {gone.pid} on {gone.host} died at about " in first
    assert lost.startswith("  lost  org/a")
    live.batch_finished("")


def test_a_disk_that_cannot_be_written_costs_the_view_and_not_the_batch(live: LiveStatus, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).mkdir()
    live.run_started(run("a"))
    live.beat()
    with pytest.raises(RecordError):
        told(tmp_path)
