"""Facts about making a bundle: equal runs give equal bytes, and what cannot be handed in is named."""

import gzip
import os
import shutil
from pathlib import Path

import pytest

from energy_score.contract.errors import RecordError, UsageError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import EnergySource
from energy_score.reports.submission.make import make_bundle
from energy_score.reports.submission.verify import SNAPSHOT, verify_bytes
from tests.reports.submission.conftest import MakeBundle
from tests.reports.submission.tampering import RUN, opened
from tests.reports.submission.test_verify import lab_snapshot
from tests.support.finished_runs import write_finished_run
from tests.support.record_factory import make_failure, make_run

TOKEN = "hf_" + "A1b2C3d4" * 4
KEY = "sesame-0123"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return write_finished_run(tmp_path / "out", query_count=6)


def test_equal_run_directories_give_equal_bytes_wherever_and_whenever_they_were_written(
    run: RunDirectory, tmp_path: Path, make: MakeBundle
) -> None:
    elsewhere = Path(shutil.copytree(run.path, tmp_path / "a copy"))
    for path in sorted(elsewhere.rglob("*"), reverse=True):
        path.chmod(0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert make(elsewhere).content == make(run).content


def test_prompts_and_answers_stay_out_unless_asked_for(tmp_path: Path, make: MakeBundle) -> None:
    run = write_finished_run(tmp_path, query_count=6, save_text=True)
    without = make(run)
    assert [(left.path, left.because) for left in without.manifest.left_out] == [
        (f"{RUN}/texts.jsonl", "prompts and answers; --with-texts includes them")
    ]
    assert b"A promise." not in without.content
    assert b"A promise." in make(run, with_texts=True).content


def test_only_what_a_run_writes_goes_in_and_the_rest_is_named(run: RunDirectory, make: MakeBundle) -> None:
    (run.path / "notes.txt").write_text("mine", encoding="utf-8")
    (run.path / ".benchmark_report.json.x1.tmp").write_bytes(b"{")
    (run.path / "logs").mkdir()
    (run.path / "emissions" / "more.csv").write_bytes(b"")
    (run.path / "optimum_benchmark" / "repeat 1").mkdir(parents=True)
    (run.path / "optimum_benchmark" / "cli.log").write_bytes(b"log")
    (run.path / "optimum_benchmark" / "repeat 1" / "a.json").write_bytes(b"{}")
    made = make(run)
    assert {left.path.removeprefix(f"{RUN}/") for left in made.manifest.left_out} == {
        ".benchmark_report.json.x1.tmp",
        "emissions/more.csv",
        "logs/",
        "notes.txt",
        "optimum_benchmark/repeat 1/a.json",
    }
    assert f"{RUN}/optimum_benchmark/cli.log" in opened(made.content)


def test_a_link_and_what_is_no_regular_file_are_refused_by_name(
    run: RunDirectory, tmp_path: Path, make: MakeBundle
) -> None:
    outside = tmp_path / "outside.json"
    shutil.move(run.witness_file, outside)
    run.witness_file.symlink_to(outside)
    with pytest.raises(UsageError, match=r"host_witness\.json: cannot be read, or is a link"):
        make(run)
    run.witness_file.unlink()
    os.mkfifo(run.witness_file)
    with pytest.raises(UsageError, match=r"host_witness\.json: not a regular file"):
        make(run)
    linked = tmp_path / "linked"
    linked.symlink_to(run.path)
    with pytest.raises(UsageError, match="linked: is a link"):
        make(linked)


def test_a_folder_that_is_a_link_is_not_followed(run: RunDirectory, tmp_path: Path, make: MakeBundle) -> None:
    shutil.move(run.emissions_file.parent, tmp_path / "emissions")
    run.emissions_file.parent.symlink_to(tmp_path / "emissions")
    with pytest.raises(UsageError, match=r"emissions\.csv: missing"):
        make(run)


@pytest.mark.parametrize("kind", ["of its shape", "of the environment", "compressed"])
def test_an_access_token_in_any_file_is_refused_by_the_files_name_alone(
    run: RunDirectory, make: MakeBundle, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    token = TOKEN
    if kind == "of the environment":
        token = KEY
        monkeypatch.setenv("VLLM_API_KEY", token)
    place = run.trace_file if kind == "compressed" else run.optimum_folder / "cli.log"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(gzip.compress(token.encode()) if kind == "compressed" else f"key {token}".encode())
    with pytest.raises(UsageError) as refused:
        make(run)
    name = place.relative_to(run.path).as_posix()
    assert str(refused.value).startswith(f"{RUN}/{name}: contains an access token")
    assert token not in str(refused.value)


def test_a_run_that_is_not_done_is_refused_and_every_one_is_named(tmp_path: Path, make: MakeBundle) -> None:
    with pytest.raises(UsageError, match="failed: only finished runs have a result"):
        make(make_run(tmp_path, "failed", failure=make_failure()))
    with pytest.raises(UsageError, match="planned: only finished runs have a result"):
        make(make_run(tmp_path, "planned"))


def test_a_torn_record_is_refused(run: RunDirectory, make: MakeBundle) -> None:
    run.report_file.write_bytes(run.report_file.read_bytes()[:-100])
    with pytest.raises(RecordError, match=r"benchmark_report\.json"):
        make(run)


@pytest.mark.parametrize("source", [EnergySource.SIMULATED, EnergySource.REPLAY, EnergySource.ESTIMATE])
def test_a_run_that_cannot_be_rated_is_refused_unless_asked_for_and_then_marked(
    tmp_path: Path, make: MakeBundle, source: EnergySource
) -> None:
    run = write_finished_run(tmp_path, source=source)
    with pytest.raises(UsageError, match="not rateable: not_a_gpu_measurement"):
        make(run)
    made = make(run, unrateable=True)
    assert (made.manifest.runs[0].verdict.rateable, made.manifest.runs[0].stars) == (False, None)
    verification = verify_bytes(made.content)
    assert verification.is_verified
    assert verification.notes == (f"not rateable: {RUN}: not_a_gpu_measurement",)


def test_files_that_contradict_each_other_are_named_and_nothing_is_made(run: RunDirectory, make: MakeBundle) -> None:
    run.energy_file.write_bytes(b"1.00\n")
    with pytest.raises(UsageError, match=r"(?s)contradict each other.*GPU_ENERGY_WH\.txt: line 1: found 1\.00"):
        make(run)


def test_files_of_another_version_are_refused_with_the_version(tmp_path: Path, make: MakeBundle) -> None:
    run = write_finished_run(
        tmp_path, query_count=6,
        change=lambda report: report.model_copy(update={"software": {"energy_score": "0.0.9"}}),
    )  # fmt: skip
    assert "was measured by version 0.0.9" in verify_bytes(make(run).content).notes[0]
    run.energy_file.write_bytes(b"1.00\n")
    with pytest.raises(UsageError, match=r"(?s)contradict each other.*was measured by version 0\.0\.9 and checked by"):
        make(run)


def test_a_run_that_compares_with_no_official_score_has_no_stars_and_says_why(
    run: RunDirectory, make: MakeBundle
) -> None:
    (claim,) = make(run).manifest.runs
    assert (claim.stars, claim.unrated_because) == (None, "not comparable: too_few_queries")


def test_a_snapshot_of_ones_own_is_bundled_and_one_that_calls_itself_official_is_refused(
    tmp_path: Path, make: MakeBundle
) -> None:
    run, file = write_finished_run(tmp_path / "out"), tmp_path / "lab.json"
    lab_snapshot(official=False).write(file)
    made = make(run, against=str(file))
    assert (made.manifest.snapshot.path, made.manifest.runs[0].stars) == (SNAPSHOT, 4)
    assert verify_bytes(made.content).is_verified
    lab_snapshot(official=True).write(file)
    with pytest.raises(UsageError, match="claims to be official"):
        make(run, against=str(file))


def test_one_run_in_two_folders_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    copy = RunDirectory(Path(shutil.copytree(run.path, tmp_path / "copy")))
    with pytest.raises(UsageError, match=r"runs\[1\]\.run_id: the same run as runs/first, openai_gpt-oss-20b"):
        make_bundle({"first": run, "again": copy}, against="2025-02")


def test_of_two_runs_of_one_model_the_later_has_the_stars(tmp_path: Path) -> None:
    first = write_finished_run(tmp_path, "first", run_id="first")
    later = write_finished_run(
        tmp_path, "later", run_id="later",
        change=lambda report: report.model_copy(
            update={name: getattr(report, name).replace(year=2026) for name in ("started_at", "finished_at")}
        ),
    )  # fmt: skip
    made = make_bundle({"first": first, "later": later}, against="2025-02")
    assert [run.stars for run in made.manifest.runs] == [None, 5]
    assert "superseded" in str(made.manifest.runs[0].unrated_because)
