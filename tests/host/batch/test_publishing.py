from pathlib import Path

import pytest

from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.publishing import TablePublisher
from results_aggregator import ResultsAggregator
from tests.support.record_factory import make_report, make_run


def publisher(folder: Path, notes: list[str], *, least_pause_s: float = 0.0) -> TablePublisher:
    ledger = Ledger(folder)
    ledger.open()
    return TablePublisher(ledger, ResultsAggregator(folder), notes.append, least_pause_s=least_pause_s)


def test_the_first_table_is_due_at_once_and_the_next_after_the_pause(tmp_path: Path) -> None:
    table = tmp_path / "master_results.csv"
    waits = publisher(tmp_path, [], least_pause_s=3600)
    waits.publish_if_due()
    header = table.read_bytes()
    make_run(tmp_path, report=make_report())
    waits.publish_if_due()
    assert table.read_bytes() == header
    waits.publish()
    assert len(table.read_text().splitlines()) == 2


def test_a_table_that_cannot_be_written_is_told_and_the_batch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    notes: list[str] = []
    told = publisher(tmp_path, notes)
    monkeypatch.setattr("os.fsync", full_disk)
    told.publish()
    assert notes == ["master_results.csv could not be written (No space left on device). Run 'aggregate' later."]
