from pathlib import Path

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.single_run.ledger import SingleRunLedger
from tests.support.record_factory import make_config, make_report, make_spec


@pytest.fixture
def ledger(tmp_path: Path) -> SingleRunLedger:
    opened = SingleRunLedger(tmp_path / "a b")
    opened.open()
    return opened


def write_every_file(directory: RunDirectory) -> set[str]:
    for path in directory.files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old")
    return {str(path.relative_to(directory.path)) for path in directory.files}


def test_the_files_of_a_run_lie_in_the_results_directory_itself(ledger: SingleRunLedger) -> None:
    spec = make_spec()
    directory = ledger.start(ResolvedRun("run", make_config(), spec))
    assert directory.spec_file == ledger.output_directory / "run_spec.json"
    make_report(spec=spec, spec_identity=spec.identity()).write(directory.report_file)
    assert ledger.is_done("run", spec)


def test_every_file_of_an_earlier_run_is_kept_aside_and_nothing_else_is_touched(ledger: SingleRunLedger) -> None:
    directory = ledger.directory("run")
    known = write_every_file(directory)
    own = ledger.output_directory / "emissions" / "my notes.txt"
    own.write_text("mine")
    (ledger.output_directory / "logs").mkdir()

    ledger.set_aside("run")
    assert directory.state() is RunState.EMPTY
    assert not any(path.exists() for path in directory.files)
    assert own.read_text() == "mine"
    (aside,) = (ledger.output_directory / "aside").iterdir()
    assert {str(path.relative_to(aside)) for path in aside.rglob("*") if path.is_file()} == known

    write_every_file(directory)
    ledger.set_aside("run")
    assert len(list((ledger.output_directory / "aside").iterdir())) == 2


def test_without_an_earlier_run_there_is_no_aside(ledger: SingleRunLedger) -> None:
    ledger.set_aside("run")
    assert not (ledger.output_directory / "aside").exists()


def test_a_directory_that_cannot_be_made_says_what_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentNotReadyError, match="RESULTS_DIR"):
        SingleRunLedger(tmp_path / "file" / "results").open()
