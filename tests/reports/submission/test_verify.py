"""Facts about checking a bundle: one byte, one file or one number that was changed is named, whoever seals it again."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from energy_score.contract.errors import BundleRefusedError
from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot
from energy_score.reports.submission import power_trace, query_table, records
from energy_score.reports.submission.archive import build_archive
from energy_score.reports.submission.bundle_manifest import BundledFile, LeftOutFile
from energy_score.reports.submission.verify import MANIFEST, SIGNATURE, SNAPSHOT, verify_bytes
from tests.reports.submission.tampering import (
    REPORT,
    RUN,
    changed,
    found,
    manifest_of,
    opened,
    reforged,
    resealed,
    with_json,
)


def test_a_bundle_is_verified_with_every_figure_derived_from_its_own_readings(bundle: bytes) -> None:
    verification = verify_bytes(bundle)
    assert (verification.findings, verification.notes, verification.signature) == ((), (), "unsigned")
    assert verification.manifest is not None
    (run,) = verification.manifest.runs
    # 606.5 W on the mean of repeats 2 to 11, for 100 s and 1,000 queries.
    assert run.wh_per_1000_queries == pytest.approx(606.5 * 100 / 3600)
    assert run.phases_wh_per_1000_queries["prefill"] == pytest.approx(306.5 * 12 / 4 / 3600)
    assert (run.stars, run.verdict.rateable, run.verdict.reasons) == (5, True, ())
    assert (run.gpus[0].name, len(run.gpus[0].uuid_sha256)) == ("NVIDIA H100 80GB HBM3", 64)


def test_a_changed_byte_names_its_file(bundle: bytes) -> None:
    position = bundle.index(b'"mean_energy_j": ') + len('"mean_energy_j": ')
    mutated = bytearray(bundle)
    mutated[position] ^= 0x01
    findings = found(bytes(mutated))
    assert f"{REPORT}: its content does not match its checksum (CRC-32)" in findings
    assert f"{REPORT}: changed: its SHA-256 does not match manifest.json" in findings


def test_a_changed_a_missing_and_an_added_file_are_named(bundle: bytes) -> None:
    members = opened(bundle)
    energy = f"{RUN}/GPU_ENERGY_WH.txt"
    assert (
        found(build_archive({**members, energy: b"1.00\n"}))[0]
        == f"{energy}: changed: 5 bytes, but manifest.json says 6"
    )
    without = {name: content for name, content in members.items() if name != energy}
    assert f"{energy}: missing: manifest.json lists it" in found(build_archive(without))
    assert found(build_archive({**members, f"{RUN}/more.txt": b""})) == [
        f"{RUN}/more.txt: added: manifest.json does not list it"
    ]
    stray = resealed({**members, "elsewhere.txt": b""})
    assert found(stray) == ["elsewhere.txt: it does not belong to a run of the bundle"]


@pytest.mark.parametrize("name", [f"{RUN}/setup.exe", f"{RUN}/emissions/more.csv", f"{RUN}/another/model_config.json"])
def test_a_file_that_no_run_writes_is_named_though_the_manifest_lists_it(bundle: bytes, name: str) -> None:
    assert found(resealed({**opened(bundle), name: b"MZ"})) == [f"{name}: not a file that a run writes"]


def test_a_manifest_that_lists_what_it_cannot_or_leaves_out_what_is_there_is_caught(bundle: bytes) -> None:
    members = opened(bundle)
    files = manifest_of(members).files
    for name in (MANIFEST, SIGNATURE):
        listed = (*files, BundledFile(path=name, size_bytes=1, sha256="0" * 64))
        assert found(resealed(members, files=listed)) == [
            f"manifest.json: files: {name} is listed, but a manifest does not list itself or its signature"
        ]
    hidden = (LeftOutFile(path=REPORT, because="not a file that a run writes"),)
    assert found(resealed(members, left_out=hidden)) == [
        f"{REPORT}: it is present, but manifest.json says that it was left out"
    ]


REPORT_NUMBERS: list[tuple[str, object, str]] = [
    ("statistics.2.mean_energy_j", 1000.0, "statistics[2].mean_energy_j"),
    ("statistics.2.repeats", 11, "statistics[2].repeats"),
    ("statistics.0.unresolved", True, "statistics[0].unresolved"),
    ("phases.6.energy_j", {"GPU-7d0c1a52-0000-4000-8000-000000000001": 30_000.0}, "statistics"),
    ("verdict.rateable", False, "verdict.rateable"),
    ("spec.generation.max_new_tokens", 10, "spec.generation.max_new_tokens"),
    ("spec_identity", "0" * 64, "spec_identity"),
    ("queries.succeeded", 2000, "queries.succeeded"),
    ("queries.mean_latency_s", 0.01, "queries.mean_latency_s"),
    ("tokens.prompt", 1, "queries.prompt_tokens"),
    ("tokens.completion_max", 90, "completion_tokens"),
    ("conditions.0.peak_power_w", 9000.0, "power_w"),
    ("conditions.0.sample_count", -(10**12), "samples"),
    ("conditions.0.idle_power_w", 91.0, "conditions[0].idle_power_w"),
    ("phases.0.passes", 2, "phases[0].passes"),
    ("phases.24.repeat", 11, "phases[24].repeat"),
    ("run_id", "another", "run_id"),
]


@pytest.mark.parametrize(("path", "value", "field"), REPORT_NUMBERS, ids=[path for path, _, _ in REPORT_NUMBERS])
def test_one_number_of_the_report_is_caught_though_the_manifest_was_made_anew(
    bundle: bytes, path: str, value: object, field: str
) -> None:
    findings = found(changed(bundle, REPORT, lambda content: with_json(content, path, value)))
    assert any(field in finding and finding.startswith(RUN) for finding in findings), findings


def test_a_finding_says_what_stands_there_and_what_follows(bundle: bytes) -> None:
    forged = changed(bundle, REPORT, lambda content: with_json(content, "statistics.2.mean_energy_j", 1000.0))
    (finding,) = found(forged)
    assert finding == (f"{REPORT}: statistics[2].mean_energy_j: found 1000.0, expected 60650.0 from its windows")


def test_a_verdict_that_was_edited_to_rateable_is_caught(bundle: bytes) -> None:
    """The forgery that pays most: a quick trial, handed in as a rateable run."""

    def of_a_trial(name: str) -> Callable[[bytes], bytes]:
        return lambda content: with_json(content, name, "quick")

    forged = changed(bundle, f"{RUN}/run_spec.json", of_a_trial("repeat_policy.protocol"))
    forged = changed(forged, REPORT, of_a_trial("spec.repeat_policy.protocol"))
    findings = found(forged)
    assert f"{REPORT}: verdict.rateable: found True, expected False from the rules of the verdict" in findings
    assert any(finding.startswith("manifest.json: runs[0].stars: found 5, expected nothing") for finding in findings)


def other_gzip(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return gzip.compress(change(gzip.decompress(content)), mtime=0)


OTHER_FILES: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("GPU_ENERGY_WH.txt", lambda _: b"1.00\n", "line 1: found 1.00, expected 16.85"),
    ("GPU_ENERGY_WH.txt", lambda _: b"16.85\r\n", "line endings"),
    ("GPU_ENERGY_SUMMARY.json", lambda content: content.replace(b'"rateable": true', b'"rateable": false'), "line 10"),
    ("emissions/emissions.csv", lambda content: content.replace(b"world", b"france"), "line 2"),
    ("emissions/emissions.csv", lambda content: content + b"more\n", "3 lines"),
    ("benchmark_results.csv", lambda content: content.replace(b"999,success", b"999,failed"), "queries.succeeded"),
    ("benchmark_results.csv", lambda content: content.rsplit(b"\n", 2)[0] + b"\n", "queries.asked"),
    ("benchmark_results.csv", lambda content: content.replace(b"\n7,", b"\n8,"), "query_index does not count"),
    ("benchmark_results.csv", lambda _: b"\xff", "not a query table"),
    ("power_trace.csv.gz", lambda content: other_gzip(content, lambda text: text.replace(b",6", b",3")), "power_w"),
    ("power_trace.csv.gz", lambda content: other_gzip(content, lambda text: text.replace(b",9", b",90")), "power_w"),
    ("power_trace.csv.gz", lambda content: other_gzip(content, lambda text: text[: text.index(b"\n90.")]), "samples"),
    ("power_trace.csv.gz", lambda content: other_gzip(content, lambda text: text.replace(b"\n5.", b"\n99.")), "times"),
    ("power_trace.csv.gz", lambda content: other_gzip(content, lambda text: text[1:]), "start with the column names"),
    ("power_trace.csv.gz", lambda content: content[:-9], "not a power trace"),
    ("power_trace.csv.gz", lambda _: b"no gzip", "not a power trace"),
    ("host_witness.json", lambda content: with_json(content, "foreign_process_ids", [7]), "rateable: found True"),
    ("host_witness.json", lambda content: with_json(content, "schema_version", 9), "schema version"),
    ("model_config.json", lambda content: with_json(content, "model_class", "A"), "model_class: found B, expected A"),
    ("run_spec.json", lambda content: with_json(content, "seed", 1), "Extra inputs"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "change", "named"), OTHER_FILES, ids=[f"{file}: {named}" for file, _, named in OTHER_FILES]
)
def test_every_other_file_of_a_run_is_set_against_the_readings_too(
    bundle: bytes, file: str, change: Callable[[bytes], bytes], named: str
) -> None:
    name = f"{RUN}/{file}"
    assert change(opened(bundle)[name]) != opened(bundle)[name]
    findings = found(changed(bundle, name, change))
    assert any(named in finding for finding in findings), findings


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("GPU_ENERGY_SUMMARY.json", b"16.84722222222222", b"16.847222222222225"),
     ("emissions/emissions.csv", b"8.002430555555556", b"8.002430555555555")],
)  # fmt: skip
def test_a_figure_that_another_python_rounds_otherwise_is_no_difference(
    bundle: bytes, file: str, old: bytes, new: bytes
) -> None:
    """From 3.12 on, sum() rounds once: of eight GPUs it may differ from ours in the last digit."""
    name = f"{RUN}/{file}"
    assert opened(bundle)[name].count(old) == 1
    assert found(changed(bundle, name, lambda content: content.replace(old, new))) == []
    assert found(changed(bundle, name, lambda content: content.replace(old, old[:9] + b"9" + old[10:]))) != []


@pytest.mark.parametrize(
    "file",
    ["model_config.json", "run_spec.json", "benchmark_report.json", "benchmark_results.csv", "power_trace.csv.gz",
     "GPU_ENERGY_SUMMARY.json", "GPU_ENERGY_WH.txt", "emissions/emissions.csv"],
)  # fmt: skip
def test_a_file_that_every_such_run_has_is_missed_though_nobody_lists_it(bundle: bytes, file: str) -> None:
    members = {name: content for name, content in opened(bundle).items() if name != f"{RUN}/{file}"}
    assert any(f"{RUN}/{file}" in finding and "missing" in finding for finding in found(resealed(members)))


def test_a_run_without_a_witness_is_no_run_with_one(bundle: bytes) -> None:
    members = {name: content for name, content in opened(bundle).items() if not name.endswith("host_witness.json")}
    (finding,) = found(resealed(members))
    assert finding.startswith("manifest.json: runs[0].verdict.reasons: found [], expected ")
    assert "no_host_witness" in finding


@pytest.mark.parametrize(
    ("field", "value"),
    [("wh_per_1000_queries", 1.0), ("stars", 4), ("model_commit", "0" * 40), ("image", "sha256:0"), ("driver", "1"),
     ("quantization", "4 bit"), ("dataset_revision", "1"), ("protocol", "quick"), ("unrated_because", "no reason")],
)  # fmt: skip
def test_a_claim_of_the_manifest_follows_from_the_files_or_is_caught(bundle: bytes, field: str, value: object) -> None:
    members = opened(bundle)
    run = manifest_of(members).runs[0].model_copy(update={field: value})
    (finding,) = found(resealed(members, runs=(run,)))
    assert finding.startswith(f"manifest.json: runs[0].{field}: found {value}, expected ")


def test_a_manifest_that_was_edited_and_not_sealed_is_caught(bundle: bytes) -> None:
    members = opened(bundle)
    edited = with_json(members[MANIFEST], "tool_version", "0.0.9")
    assert found(build_archive({**members, MANIFEST: edited})) == ["manifest.json: sha256: changed after it was sealed"]
    respaced = json.dumps(json.loads(members[MANIFEST])).encode()
    assert found(build_archive({**members, MANIFEST: respaced})) == [
        "manifest.json: not written by 'bundle': the bytes differ"
    ]


def test_a_bundle_of_another_version_of_the_program_says_so_and_is_no_fault(bundle: bytes) -> None:
    verification = verify_bytes(resealed(opened(bundle), tool_version="0.0.9"))
    assert verification.is_verified
    assert "made by version 0.0.9" in verification.notes[0]


def test_a_run_of_another_version_of_the_program_says_so_too(bundle: bytes) -> None:
    older = reforged(bundle, report=lambda report: report["software"].update(energy_score="0.0.9"))
    verification = verify_bytes(older)
    assert verification.is_verified
    assert verification.notes[0].startswith(f"{RUN} was measured by version 0.0.9 and checked by ")


def test_other_words_than_the_attestation_are_caught(bundle: bytes) -> None:
    assert found(resealed(opened(bundle), attestation=("I promise nothing.",))) == [
        "manifest.json: attestation: the text differs from the required attestation"
    ]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "manifest.json: missing: not a submission bundle"),
        (b"{}", "not a bundle manifest"),
        (b"\xff", "not a bundle manifest"),
        (b'{"schema_version": 2}', "unknown schema_version 2 .expected 1"),
        (b'{"schema_version": 1}', "Field required"),
        (b"[" * 100_000, "not a bundle manifest"),
    ],
)
def test_what_has_no_manifest_that_can_be_read_is_refused(bundle: bytes, content: bytes | None, rule: str) -> None:
    members = opened(bundle)
    del members[MANIFEST]
    with pytest.raises(BundleRefusedError, match=rule):
        verify_bytes(build_archive(members if content is None else {**members, MANIFEST: content}))


def test_a_manifest_that_was_damaged_is_a_finding(bundle: bytes) -> None:
    mutated = bundle.replace(b'"schema_version": 1,\n "tool_version"', b'"schema_version"; 1,\n "tool_version"')
    verification = verify_bytes(mutated)
    assert verification.manifest is None
    assert [finding.file for finding in verification.findings] == [MANIFEST, MANIFEST]


STRANGE: list[tuple[str, object]] = [
    ("phases.6.duration_s", float("nan")),
    ("phases.6.duration_s", float("inf")),
    ("phases.6.passes", 10**400),
    ("phases.6.energy_j", {"GPU-7d0c1a52-0000-4000-8000-000000000001": 1e308}),
    ("queries.asked", -(10**30)),
    ("statistics.2.mean_energy_j", float("nan")),
]


@pytest.mark.parametrize(("path", "value"), STRANGE)
def test_a_value_that_no_run_can_have_is_named_and_nothing_is_made_of_it(
    bundle: bytes, path: str, value: object
) -> None:
    findings = found(changed(bundle, REPORT, lambda content: with_json(content, path, value)))
    assert any(finding.startswith(f"{REPORT}: ") for finding in findings)
    assert all(len(finding) < 1500 for finding in findings)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"asked": 1000', b'"asked": 7, "asked": 1000'), (b'"spec_identity"', b'"run_id": "x", "spec_identity"')],
)
def test_a_record_that_two_readers_understand_in_two_ways_is_refused(bundle: bytes, old: bytes, new: bytes) -> None:
    (finding, *_) = found(changed(bundle, REPORT, lambda content: content.replace(old, new, 1)))
    assert finding.startswith(f"{REPORT}: ")
    assert finding.endswith(" occurs twice in one object")


def test_a_manifest_that_two_readers_understand_in_two_ways_is_refused(bundle: bytes) -> None:
    members = opened(bundle)
    twice = members[MANIFEST].replace(b'"stars": 5', b'"stars": 1, "stars": 5')
    with pytest.raises(BundleRefusedError, match="stars occurs twice"):
        verify_bytes(build_archive({**members, MANIFEST: twice}))


def test_what_would_take_too_much_memory_is_not_parsed(bundle: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = f"{RUN}/power_trace.csv.gz"
    bomb = gzip.compress(gzip.decompress(opened(bundle)[trace]) + b"0" * 10_000_000)
    monkeypatch.setattr(power_trace, "_MAX_BYTES", 100_000)
    monkeypatch.setattr(query_table, "_MAX_BYTES", 1000)
    findings = found(changed(bundle, trace, lambda _: bomb))
    assert any("power trace" in finding for finding in findings)
    assert any("more than the limit of 1000 for a query table" in finding for finding in findings)
    monkeypatch.setattr(records, "_MAX_RECORD_BYTES", 10_000)
    assert [finding for finding in found(bundle) if "more than the limit of 10000 for a record" in finding]


@pytest.mark.parametrize("value", [10**320, float("nan"), float("inf"), -1e300])
def test_a_claim_that_no_run_can_have_is_named_as_well(bundle: bytes, value: object) -> None:
    members = opened(bundle)
    field = "query_count" if isinstance(value, int) else "wh_per_1000_queries"
    claimed = with_json(members[MANIFEST], f"runs.0.{field}", value)
    assert found(build_archive({**members, MANIFEST: claimed})) == [
        f"manifest.json: runs[0].{field}: not a number that a run can have"
    ]


def test_what_a_bundle_says_is_one_safe_line_in_a_message(bundle: bytes) -> None:
    hostile = "\x1b]0;owned\x07\nverified\u202e" + "x" * 5000
    (finding, *_) = found(changed(bundle, REPORT, lambda content: with_json(content, "run_id", hostile)))
    assert finding.isprintable()
    assert len(finding) < 1500


def lab_snapshot(*, official: bool) -> CohortSnapshot:
    members = tuple(CohortMember(model=f"a/{n}", wh_per_1000_queries=10.0 * n, stars=None) for n in (1, 2, 3))
    cohort = Cohort(task="text_gen", model_class="B", members=members)
    return CohortSnapshot(name="lab", issued="2026-11-24", official=official, source="tests", cohorts=(cohort,)).seal()


def against(bundle: bytes, snapshot: CohortSnapshot, **stated: Any) -> bytes:
    """The bundle, forged to be rated against ``snapshot``."""
    members = opened(bundle)
    manifest = manifest_of(members)
    said = {"name": snapshot.name, "issued": snapshot.issued, "official": snapshot.official, "sha256": snapshot.sha256}
    changes = said | {"path": SNAPSHOT} | stated
    return resealed(
        {**members, SNAPSHOT: snapshot.as_text().encode()}, snapshot=manifest.snapshot.model_copy(update=changes)
    )


def test_stars_are_derived_from_the_snapshot_that_is_bundled(bundle: bytes) -> None:
    (finding,) = found(against(bundle, lab_snapshot(official=False)))
    assert finding == (f"manifest.json: runs[0].stars: found 5, expected 4 from the files in {RUN}")


def test_a_bundled_snapshot_cannot_make_itself_official(bundle: bytes) -> None:
    assert "snapshot.json: official: it claims to be official" in found(against(bundle, lab_snapshot(official=True)))[0]
    lying = against(bundle, lab_snapshot(official=False), official=True)
    assert "manifest.json: snapshot.official: found True, expected False" in found(lying)[0]
    other = resealed(
        opened(bundle), snapshot=manifest_of(opened(bundle)).snapshot.model_copy(update={"name": "2099-01"})
    )
    assert found(other) == [
        "manifest.json: snapshot.name: 2099-01 is not a published snapshot (expected one of: 2025-02)"
    ]
