import io
import json
from datetime import datetime, timedelta

from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import JsonProgress, PlainProgress, RichProgress, energy_text
from energy_score.reports.results_table.result_row import ResultRow
from tests.support.record_factory import make_config, make_spec


def row(**values: object) -> ResultRow:
    identity: dict[str, object] = {"model_name": "a/b", "model_class": "A", "task": "text_gen", "reasoning_state": "On"}
    return ResultRow.model_validate(identity | values)


def run(label: str) -> ResolvedRun:
    return ResolvedRun(f"{label}_dir", make_config(model_id=label, reasoning_state=""), make_spec())


def test_energy_is_told_with_its_source_and_what_it_is_worth() -> None:
    measured = row(wh_per_1000_queries=1.3133, energy_source="nvml-counter", rateable=True)
    assert energy_text(measured) == "1.313 Wh GPU per 1,000 queries (nvml-counter)"
    assert energy_text(measured.model_copy(update={"rateable": False})).endswith("(nvml-counter, not rateable)")
    explained = measured.model_copy(update={"rateable": False, "verdict_reasons": "phase_too_short; mig_enabled"})
    assert energy_text(explained).endswith("(nvml-counter, not rateable: phase_too_short; mig_enabled)")
    estimated = row(cpu_energy_wh=0.5, cpu_energy_source="estimate", successful_prompts=1000)
    assert energy_text(estimated) == "GPU energy not measured; CPU 0.5 Wh per 1,000 queries (estimate)"
    assert energy_text(row()) == "energy not measured"


def test_plain_progress_numbers_the_runs() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream)
    progress.batch_started(run_count=2, headline="2 rows")
    progress.run_finished(run("a"), outcome="skipped", row=None, detail="already done")
    progress.run_started(run("b"))
    progress.run_finished(run("b"), outcome="failed", row=row(), detail="load: no")
    progress.batch_finished("1 failed")
    assert stream.getvalue().splitlines() == [
        "2 rows",
        "[1/2] a: skipped: already done",
        "[2/2] b: started",
        "[2/2] b: failed: load: no",
        "1 failed",
    ]


def test_json_progress_carries_the_engines_events_and_the_whole_row() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.engine_event(run("a"), {"event": "progress", "queries_done": 1})
    progress.run_finished(run("a"), outcome="done", row=row(gpu_energy_wh=2.0), detail="")
    engine, finished = (json.loads(line) for line in stream.getvalue().splitlines())
    assert datetime.fromisoformat(engine.pop("timestamp")).utcoffset() == timedelta(0)
    assert engine == {"event": "engine", "kind": "progress", "queries_done": 1, "run": "a", "name": "a_dir"}
    assert (finished["result"]["gpu_energy_wh"], finished["result"]["prefill_wh"]) == (2.0, None)


def test_json_events_of_a_batch_count_what_has_ended() -> None:
    stream = io.StringIO()
    progress = JsonProgress(stream)
    progress.batch_started(run_count=3, headline="3 rows")
    for outcome in ("done", "failed", "done"):
        progress.run_finished(run("a"), outcome=outcome, row=None, detail="")
    progress.batch_finished("2 done, 1 failed")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(event["run_count"], event["ended_count"]) for event in events] == [(3, 0), (3, 1), (3, 2), (3, 3), (3, 3)]
    assert events[-1]["counts"] == {"done": 2, "failed": 1}


def test_the_live_view_takes_every_event_and_names_what_it_shows() -> None:
    progress = RichProgress()
    progress._console.file = stream = io.StringIO()
    progress.batch_started(run_count=1, headline="1 row")
    hostile, other = run("[bold]hostile[/] name"), run("other")
    progress.run_started(hostile)
    progress.run_started(other, number=2)
    progress.engine_event(hostile, {"event": "stage", "stage": "load"})
    done = {"event": "progress", "phase": "full", "queries_done": 1, "queries_planned": 4, "cpu_energy_j": 3600.0}
    progress.engine_event(hostile, done)
    assert progress._bars.tasks[2].fields["detail"] == "attempt 2"
    assert "full  1 Wh CPU so far" in progress._bars.tasks[1].fields["detail"]
    progress.run_finished(hostile, outcome="done", row=row(), detail="")
    progress.batch_finished("1 done")
    assert "[bold]hostile[/] name" in stream.getvalue()
