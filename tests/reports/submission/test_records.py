"""Facts about a run's records as a bundle holds them, and what follows from them."""

import json
from collections.abc import Mapping

import pytest

from energy_score.contract.errors import RecordError
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.run_spec import RunSpec
from energy_score.reports.ratings.rating import Rating
from energy_score.reports.submission.records import (
    derive_report,
    derive_row,
    in_words,
    make_claims,
    rated,
    read_record,
    read_records,
)
from tests.reports.submission.tampering import RUN, manifest_of, opened
from tests.support.record_factory import make_owner, make_report, make_spec


@pytest.fixture(scope="module")
def members(bundle: bytes) -> Mapping[str, bytes]:
    return opened(bundle)


def test_a_runs_records_are_read_from_its_folder_and_lie_under_their_members_names(
    members: Mapping[str, bytes],
) -> None:
    records = read_records(RUN, members)
    assert records.folder == RUN
    assert records.report.spec == records.spec
    by_file = records.by_file()
    assert {name: record.as_text().encode() for name, record in by_file.items()} == {
        name: members[name] for name in by_file
    }


@pytest.mark.parametrize("name", ["model_config.json", "run_spec.json", "benchmark_report.json"])
def test_a_record_that_every_run_has_is_missed_by_name(members: Mapping[str, bytes], name: str) -> None:
    rest = {path: content for path, content in members.items() if path != f"{RUN}/{name}"}
    with pytest.raises(RecordError, match=rf"^{RUN}/{name}: missing, but every run has one$"):
        read_records(RUN, rest)


def test_a_run_may_have_no_witness_and_have_an_owner(members: Mapping[str, bytes]) -> None:
    rest = {path: content for path, content in members.items() if "witness" not in path}
    records = read_records(RUN, rest | {f"{RUN}/run_owner.json": make_owner().as_text().encode()})
    assert (records.witness, records.owner) == (None, make_owner())
    assert derive_row(records).verdict_reasons == "no_host_witness"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "a.json: "),
        (b"{}", "run_id"),
        (b" " * (16 * 2**20 + 1), "16777217 bytes, more than the limit of 16777216 for a record"),
        (
            make_spec().as_text().replace('"image"', '"run_id": "another", "image"').encode(),
            "run_id occurs twice",
        ),
    ],
    ids=["damaged", "no-spec", "too-large", "read-in-two-ways"],
)
def test_what_is_no_record_or_can_be_read_in_two_ways_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(RecordError, match=told):
        read_record(RunSpec, content, name="a.json")


def test_statistics_and_verdict_follow_from_the_readings_alone(members: Mapping[str, bytes]) -> None:
    report = read_records(RUN, members).report
    forged = report.model_copy(update={"statistics": (), "verdict": make_report().verdict})
    assert derive_report(forged) == report


def test_the_claims_are_those_of_the_manifest(bundle: bytes, members: Mapping[str, bytes]) -> None:
    records = read_records(RUN, members)
    (made,) = manifest_of(members).runs
    claims = make_claims(records, derive_row(records))
    assert (claims.stars, claims.unrated_because) == (None, None)
    assert claims == made.model_copy(update={"stars": None})
    (gpu,) = claims.gpus
    assert records.report.hardware.gpus[0].uuid not in json.dumps(claims.model_dump(mode="json"))
    assert len(gpu.uuid_sha256) == 64


def test_a_run_is_told_with_its_energy_and_stars_or_why_it_has_none(members: Mapping[str, bytes]) -> None:
    records = read_records(RUN, members)
    row = derive_row(records)
    claims = make_claims(records, row)
    name = f"{RUN}: openai/gpt-oss-20b On (High)"
    assert in_words(rated(claims, Rating(row, "a cohort", 4))) == f"{name}: 16.8472 Wh per 1,000, 4 stars"
    unrated = rated(claims, Rating(row, "a cohort", None, unrated_because="not rateable"))
    assert in_words(unrated) == f"{name}: 16.8472 Wh per 1,000, not rated: not rateable"
    unmeasured = unrated.model_copy(update={"wh_per_1000_queries": None})
    assert in_words(unmeasured) == f"{name}: no GPU energy, not rated: not rateable"


def test_the_witness_of_the_host_is_read_too(members: Mapping[str, bytes]) -> None:
    witness = read_records(RUN, members).witness
    assert isinstance(witness, HostWitness)
    assert witness.run_id == read_records(RUN, members).spec.run_id
