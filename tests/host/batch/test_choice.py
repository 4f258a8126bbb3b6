"""Facts about which of the planned runs are carried out."""

from pathlib import Path

import pytest

from energy_score.contract.errors import NothingMatchedError, UsageError
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.host.batch.choice import Choice, Chooser
from energy_score.host.batch.earlier_results import EarlierResults
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import RefusedRun, ResolvedRun
from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot
from tests.support.record_factory import make_config, make_failure, make_owner, make_report, make_run, make_spec

SPEC = make_spec()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    make_run(tmp_path, "done", report=make_report(spec=SPEC, spec_identity=SPEC.identity()))
    make_run(tmp_path, "failed", failure=make_failure())
    make_run(tmp_path, "lost", owner=make_owner())
    elsewhere = make_owner().process.model_copy(update={"host": "node7", "pid": "42"})
    make_run(tmp_path, "running", owner=make_owner(process=elsewhere, finished_at=None, cluster_job="slurm:5_1"))
    return Ledger(tmp_path)


def planned(name: str, **config: object) -> ResolvedRun:
    return ResolvedRun(name, make_config(**config), SPEC)


def carried_out(ledger: Ledger, rerun: str | None) -> set[str]:
    chooser = Chooser(ledger, rerun=rerun)
    runs = [planned(name) for name in ("done", "failed", "lost", "new", "running")]
    chooser.check(runs)
    return {run.name for run in runs if chooser.of(run).outcome is None}


@pytest.mark.parametrize(
    ("rerun", "names"),
    [
        (None, {"failed", "lost", "new"}),
        ("failed", {"failed", "lost"}),
        ("Failed", {"failed", "lost"}),
        ("all", {"done", "failed", "lost", "new", "running"}),
        ("NE", {"done", "new"}),
        ("?o*", {"done", "lost"}),
        ("GPT-OSS", {"done", "failed", "lost", "new", "running"}),  # every row's model id
    ],
)
def test_rerun_names_what_is_run_again_and_nothing_else_is(ledger: Ledger, rerun: str | None, names: set[str]) -> None:
    assert carried_out(ledger, rerun) == names


def test_a_pattern_that_matches_nothing_is_refused_with_what_is_valid(ledger: Ledger) -> None:
    with pytest.raises(NothingMatchedError, match=r"--rerun 'llama' matches none of the 5 .* Use failed, all, or"):
        carried_out(ledger, "llama")


def test_what_is_not_carried_out_says_why(ledger: Ledger) -> None:
    chooser = Chooser(ledger)
    assert chooser.of(planned("done")) == Choice("skipped", "already done")
    elsewhere = chooser.of(planned("running"))
    assert elsewhere.outcome == "elsewhere"
    assert "process 42 on node7, slurm:5_1" in elsewhere.detail
    assert chooser.of(RefusedRun("no", make_config(), "no such mode")) == Choice("refused", "no such mode")
    assert Chooser(ledger, rerun="failed").of(planned("done")).detail == "not selected by --rerun failed"


TABLE = """\
model_name,task,reasoning_state,successful_prompts,model_commit
openai/gpt-oss-20b,text_gen,On (High),1000,{commit}
openai/gpt-oss-20b,text_gen,On (Low),,
org/asr,asr,,1000,
"""
COMMIT = "6cee5e81ee83917806bbde320786a8fb61efebee"


@pytest.fixture
def earlier(tmp_path: Path) -> EarlierResults:
    (tmp_path / "old.csv").write_text(TABLE.format(commit=COMMIT))
    return EarlierResults(tmp_path / "old.csv")


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "old.csv:2"),
        ({"revision": COMMIT}, "old.csv:2"),
        ({"revision": COMMIT[:8]}, "old.csv:2"),
        ({"revision": "0" * 40}, None),
        ({"reasoning_state": "On (Low)", "reasoning_mode": ReasoningMode.LOW}, None),  # it failed
        ({"task": "summarization"}, None),
        ({"task": "text-generation"}, "old.csv:2"),  # an alias
        ({"model_id": "OpenAI/GPT-OSS-20b"}, "old.csv:2"),
        ({"model_id": "openai/gpt-oss-120b"}, None),
    ],
)
def test_only_new_compares_model_revision_state_and_task(
    earlier: EarlierResults, config: dict[str, object], line: str | None
) -> None:
    assert earlier.find_line(make_config(**config)) == line
    assert earlier.note is None


@pytest.mark.parametrize("state", ["on (high)", "On(High)", "ON  ( High )"])
def test_only_new_knows_a_state_in_any_case_and_spacing(tmp_path: Path, state: str) -> None:
    """A results table has the state as its sheet had it, and a sheet may write it in any of these ways."""
    (tmp_path / "old.csv").write_text(TABLE.format(commit=COMMIT).replace("On (High)", state))
    assert EarlierResults(tmp_path / "old.csv").find_line(make_config()) == "old.csv:2"
    (tmp_path / "old.csv").write_text(TABLE.format(commit=COMMIT).replace("On (High)", "sometimes"))
    assert EarlierResults(tmp_path / "old.csv").find_line(make_config()) is None


def test_a_snapshot_without_states_holds_no_run_that_reasons(tmp_path: Path) -> None:
    (tmp_path / "feb.csv").write_text("model,total_gpu_energy,energy_score\nopenai/gpt-oss-20b,0.01,5\n")
    snapshot = EarlierResults(tmp_path / "feb.csv")
    assert snapshot.note == "--only-new feb.csv: has no revision, state, task, so this is not compared"
    thinks: ModelConfig = make_config()
    assert snapshot.find_line(thinks) is None
    plain = make_config(reasoning_state="", reasoning_mode=ReasoningMode.NOT_APPLICABLE)
    assert snapshot.find_line(plain) == "feb.csv:2"


def test_the_members_of_a_cohort_snapshot_are_known(tmp_path: Path) -> None:
    members = (
        CohortMember(model="openai/gpt-oss-20b", reasoning_state="On (High)", wh_per_1000_queries=9, stars=None),
    )
    cohort = Cohort(task="text_gen", model_class="B", members=members)
    snapshot = CohortSnapshot(name="lab", issued="2026-11", official=False, source="test", cohorts=(cohort,))
    snapshot.write_once(tmp_path / "lab.json")
    known = EarlierResults(tmp_path / "lab.json")
    assert known.find_line(make_config()) == "lab.json:1"
    assert known.find_line(make_config(reasoning_state="On (Low)", reasoning_mode=ReasoningMode.LOW)) is None
    (tmp_path / "lab.json").write_text("{}")
    with pytest.raises(UsageError, match=r"--only-new .*lab.json"):
        EarlierResults(tmp_path / "lab.json")


def test_a_leaderboard_s_line_without_an_energy_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "leaderboard.csv").write_text(
        "model,revision,task,reasoning_state,wh_per_1000_queries\nopenai/gpt-oss-20b,,text_gen,On (High),\n"
    )
    assert EarlierResults(tmp_path / "leaderboard.csv").find_line(make_config()) is None


def test_a_row_that_is_known_is_skipped_with_its_line(ledger: Ledger, earlier: EarlierResults) -> None:
    assert Chooser(ledger, earlier=earlier).of(planned("new")) == Choice("skipped", "already in old.csv:2 (--only-new)")


@pytest.mark.parametrize("content", [None, b"name,energy\na,1\n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_results_table_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "odd.csv").write_bytes(content)
    with pytest.raises(UsageError, match=r"--only-new .*odd.csv: .* .expected"):
        EarlierResults(tmp_path / "odd.csv")
