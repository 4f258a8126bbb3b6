import errno
from pathlib import Path

import pytest

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunState
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import RefusedRun, ResolvedRun
from tests.support.record_factory import make_config, make_report, make_spec


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = Ledger(tmp_path / "out")
    opened.open()
    return opened


def planned(spec: RunSpec) -> ResolvedRun:
    return ResolvedRun("run", make_config(), spec)


REFUSED = RefusedRun("run", make_config(), "models.csv:2: no such mode")


def finish(ledger: Ledger, spec: RunSpec) -> None:
    directory = ledger.start(planned(spec))
    make_report(spec=spec, spec_identity=spec.identity()).write(directory.report_file)


def aside(ledger: Ledger) -> list[Path]:
    return sorted((ledger.output_directory / "aside").glob("*"))


def test_only_a_report_of_exactly_this_order_is_done(ledger: Ledger) -> None:
    spec = make_spec()
    assert not ledger.is_done("run", spec)
    finish(ledger, spec)
    assert ledger.is_done("run", spec)
    assert ledger.is_done("run", spec.model_copy(update={"run_id": "another time", "region": "france"}))
    assert not ledger.is_done("run", spec.model_copy(update={"query_count": 11}))


def test_a_damaged_report_is_not_done(ledger: Ledger) -> None:
    finish(ledger, make_spec())
    ledger.directory("run").report_file.write_text("{")
    assert not ledger.is_done("run", make_spec())


def test_a_changed_order_starts_fresh_and_keeps_the_old_run_aside(ledger: Ledger) -> None:
    finish(ledger, make_spec())
    changed = make_spec(query_count=11)
    directory = ledger.start(planned(changed))
    assert directory.state() is RunState.PLANNED
    assert directory.spec() == changed
    (old,) = aside(ledger)
    assert (old / "benchmark_report.json").exists()


def test_an_equal_refusal_is_recorded_once_and_a_new_one_sets_the_old_aside(ledger: Ledger) -> None:
    ledger.record_refusal(REFUSED)
    first = ledger.directory("run").failure()
    ledger.record_refusal(REFUSED)
    assert ledger.directory("run").failure() == first
    assert not aside(ledger)
    ledger.record_refusal(RefusedRun("run", make_config(), "models.csv:2: another reason"))
    assert ledger.directory("run").failure().message == "models.csv:2: another reason"
    assert len(aside(ledger)) == 1


def test_a_refused_row_is_never_filed_with_its_older_result(ledger: Ledger) -> None:
    finish(ledger, make_spec())
    ledger.record_refusal(REFUSED)
    assert ledger.directory("run").state() is RunState.FAILED


def test_on_a_full_disk_the_reserve_is_given_up_once(ledger: Ledger) -> None:
    reserve = ledger.output_directory / ".reserve"
    assert reserve.stat().st_size == 2**18
    attempts: list[bool] = []

    def write() -> None:
        attempts.append(reserve.exists())
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device")

    ledger.with_reserve(write)
    assert attempts == [True, False]


def test_another_fault_of_the_disk_is_passed_on(ledger: Ledger) -> None:
    def write() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        ledger.with_reserve(write)
    assert (ledger.output_directory / ".reserve").exists()


def test_the_reserve_is_gone_after_the_batch(ledger: Ledger) -> None:
    ledger.close()
    assert not (ledger.output_directory / ".reserve").exists()


def test_a_directory_that_cannot_be_made_says_which_option_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentNotReadyError, match="--output-dir"):
        Ledger(tmp_path / "file").open()
