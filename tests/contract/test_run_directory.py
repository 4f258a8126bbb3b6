"""Facts about a run's directory and its name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from energy_score.contract.errors import RecordError
from energy_score.contract.run_directory import RunDirectory, RunState, run_name
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from tests.support.record_factory import make_failure, make_report, make_run, make_witness


@pytest.mark.parametrize(
    ("model_id", "state", "name"),
    [
        ("openai/gpt-oss-20b", "On (High)", "openai_gpt-oss-20b_On_High"),
        ("Qwen/Qwen3-8B", "Off", "Qwen_Qwen3-8B_Off"),
        ("org/m", "Off (N/A)", "org_m_Off_N_A"),
        ("org/m", "N/A", "org_m_N_A"),
        ("org/m", "", "org_m"),
        ("org/m ", " On ", "org_m_On"),
        ("./demo/models/tiny", "On", "demo_models_tiny_On"),
    ],
)
def test_a_run_is_named_as_documented(model_id: str, state: str, name: str) -> None:
    assert run_name(model_id, state) == name


def test_a_directory_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path / "nothing").state() is RunState.EMPTY


def test_an_order_alone_is_a_planned_run(tmp_path: Path) -> None:
    assert make_run(tmp_path).state() is RunState.PLANNED


def test_a_run_with_an_owner_is_running_until_the_owner_has_left(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    owner = RunOwner.this_process("run_1", executor="local")
    owner.write(directory.owner_file)
    assert directory.state() is RunState.RUNNING
    assert directory.owner() == owner
    gone = owner.process.model_copy(update={"started": "1"})
    owner.model_copy(update={"process": gone}).write(directory.owner_file)
    assert directory.state() is RunState.LOST
    elsewhere = gone.model_copy(update={"host": "another"})
    owner.model_copy(update={"process": elsewhere}).write(directory.owner_file)
    assert directory.state() is RunState.RUNNING
    owner.model_copy(update={"finished_at": datetime.now(UTC)}).write(directory.owner_file)
    assert directory.state() is RunState.LOST


def test_an_owner_that_cannot_be_read_is_not_known_to_be_dead(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    directory.owner_file.write_text("{")
    assert directory.state() is RunState.RUNNING


def test_a_failure_record_is_a_failed_run(tmp_path: Path) -> None:
    assert make_run(tmp_path, failure=make_failure()).state() is RunState.FAILED


def test_a_report_is_a_done_run_whatever_else_lies_there(tmp_path: Path) -> None:
    assert make_run(tmp_path, report=make_report(), failure=make_failure()).state() is RunState.DONE


def test_the_witness_of_the_host_lies_beside_the_report_or_is_none(tmp_path: Path) -> None:
    assert make_run(tmp_path, "alone", report=make_report()).witness() is None
    witnessed = make_run(tmp_path, "witnessed", report=make_report(), witness=make_witness())
    assert witnessed.witness_file.name == "host_witness.json"
    assert witnessed.witness() == make_witness()
    assert make_witness().duration_s == 785.0


def test_a_report_is_parsed_once_and_again_only_when_another_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_run(tmp_path, report=make_report(run_id="first"))
    parsed: list[Path] = []
    read = RunReport.read

    def counted(file: Path) -> RunReport:
        parsed.append(file)
        return read(file)

    monkeypatch.setattr(RunReport, "read", counted)
    assert [directory.report().run_id, RunDirectory(directory.path).report().run_id] == ["first", "first"]
    assert len(parsed) == 1
    make_report(run_id="later").write(directory.report_file)
    assert directory.report().run_id == "later"
    directory.report_file.unlink()
    with pytest.raises(RecordError, match="benchmark_report"):
        directory.report()
