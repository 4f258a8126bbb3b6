import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from energy_score.contract.errors import RecordError
from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot


def make_snapshot(**changes: object) -> CohortSnapshot:
    members = (
        CohortMember(model="a/a", wh_per_1000_queries=1.0, stars=5),
        CohortMember(model="b/b", wh_per_1000_queries=2.0, stars=1),
    )
    values: dict[str, object] = {
        "name": "lab-1",
        "issued": "2026-11-24",
        "official": False,
        "source": "test",
        "cohorts": (Cohort(task="asr", model_class=None, members=members),),
    }
    return CohortSnapshot.model_validate(values | changes)


def test_a_snapshot_is_written_sealed_and_read_back(tmp_path: Path) -> None:
    make_snapshot().write_once(tmp_path / "s.json")
    read = CohortSnapshot.read(tmp_path / "s.json")
    assert read == make_snapshot().seal()
    assert len(read.sha256) == 64


def test_an_issued_snapshot_is_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    make_snapshot().write_once(path)
    make_snapshot().write_once(path)
    content = path.read_bytes()
    with pytest.raises(RecordError, match="never changed"):
        make_snapshot(issued="2026-12").write_once(path)
    assert path.read_bytes() == content


def test_a_changed_file_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    make_snapshot().write_once(path)
    record = json.loads(path.read_text(encoding="utf-8"))
    record["cohorts"][0]["members"][0]["wh_per_1000_queries"] = 1.5
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(RecordError, match="the file was changed"):
        CohortSnapshot.read(path)


def test_a_member_stands_there_once() -> None:
    member = CohortMember(model="a/a", wh_per_1000_queries=1.0, stars=5)
    with pytest.raises(ValidationError, match="is listed twice"):
        Cohort(task="asr", model_class=None, members=(member, member))


@pytest.mark.parametrize("energy_wh", [0.0, -1.0, float("inf"), float("nan")])
def test_an_energy_is_a_positive_number(energy_wh: float) -> None:
    with pytest.raises(ValidationError):
        CohortMember(model="a/a", wh_per_1000_queries=energy_wh, stars=5)


@pytest.mark.parametrize("issued", ["yesterday", "2026", "24.11.2026"])
def test_a_date_of_issue_is_a_day_or_a_month(issued: str) -> None:
    with pytest.raises(ValidationError):
        make_snapshot(issued=issued)
