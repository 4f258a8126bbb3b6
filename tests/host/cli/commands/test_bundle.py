"""Facts about ``bundle`` and ``verify`` as commands: what they print, and the exit code that each end has."""

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import batch_runner
from energy_score.host.cli.commands import verify
from energy_score.reports.submission.archive import build_archive
from tests.reports.submission.tampering import REPORT, changed, opened, with_json
from tests.support.finished_runs import MODEL, NAME, write_finished_run
from tests.support.record_factory import make_failure, make_run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_finished_run(tmp_path / "out", query_count=6)
    return tmp_path / "out"


def ends_with(*arguments: object) -> int:
    """The exit code of the whole program."""
    with pytest.raises(SystemExit) as ended:
        batch_runner.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_without_the_attestation_nothing_is_written_and_its_words_are_printed(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.zip"
    assert ends_with("bundle", "--results", results, file) == 2
    printed = capsys.readouterr()
    for clause in ("1. Public Data Sharing: You consent", "2. Data Integrity:", "3. Model Representation:"):
        assert clause in printed.out
    assert "add --i-attest if you agree" in printed.err
    assert not file.exists()


def test_a_bundle_is_written_and_verified(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.zip"
    assert ends_with("bundle", "--results", results, "--i-attest", file) == 0
    assert f"runs/{NAME}: {MODEL} On (High): " in capsys.readouterr().out
    first = file.read_bytes()
    assert ends_with("bundle", "--results", results, "--i-attest", file) == 0
    assert file.read_bytes() == first
    assert ends_with("verify", file) == 0
    assert f"{file}: verified" in capsys.readouterr().out


def test_one_byte_one_file_and_one_number_end_verify_with_1_and_are_named(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.zip"
    ends_with("bundle", "--results", results, "--i-attest", file)
    whole = file.read_bytes()
    byte = bytearray(whole)
    byte[whole.index(b'"mean_energy_j": ') + 17] ^= 1
    without = {name: content for name, content in opened(whole).items() if not name.endswith(".txt")}
    number = changed(whole, REPORT, lambda content: with_json(content, "statistics.2.mean_energy_j", 1.0))
    for forged, named in (
        (bytes(byte), f"differs: {REPORT}: its content does not match"),
        (build_archive(without), f"differs: runs/{NAME}/GPU_ENERGY_WH.txt: missing"),
        (number, f"differs: {REPORT}: statistics[2].mean_energy_j: found 1.0, expected 60650.0"),
    ):
        capsys.readouterr()
        file.write_bytes(forged)
        assert ends_with("verify", file) == 1
        printed = capsys.readouterr().out
        assert named in printed
        assert "NOT verified" in printed


@pytest.mark.parametrize("content", [None, b"", b"no zip", b"PK\3\4"])
def test_what_is_no_bundle_ends_verify_with_2_and_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "x.zip"
    if content is not None:
        file.write_bytes(content)
    assert ends_with("verify", file) == 2
    assert capsys.readouterr().err.startswith(f"error: {file}: ")


def test_verify_says_the_same_as_one_json_object(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    ends_with("bundle", "--results", results, "--i-attest", file)
    done = CliRunner().invoke(verify.command, ["--json", str(file)], catch_exceptions=False)
    said = json.loads(done.stdout)
    assert (said["verified"], said["findings"], said["signature"]) == (True, [], "unsigned")
    assert said["manifest"]["runs"][0]["model_id"] == MODEL


def test_runs_are_chosen_by_name_and_by_model(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(results, "another", failure=make_failure())
    file = tmp_path / "x.zip"
    assert ends_with("bundle", "--results", results, "--i-attest", file) == 2
    assert "another: failed: only finished runs" in capsys.readouterr().err
    assert ends_with("bundle", "--results", results, "--run", NAME, "--i-attest", file) == 0
    assert ends_with("bundle", "--results", results, "--run", "none", "--i-attest", file) == 2
    assert f"--run none: no such run; there are another, {NAME}" in capsys.readouterr().err
    assert ends_with("bundle", "--results", results, "--model-name", "llama", "--i-attest", file) == 4
    assert ends_with("bundle", "--results", tmp_path, "--i-attest", file) == 2


def test_a_place_that_cannot_be_written_is_named(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends_with("bundle", "--results", results, "--i-attest", tmp_path / "absent" / "x.zip") == 2
    assert f"{tmp_path / 'absent' / 'x.zip'}: cannot be read or written: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["benchmark_report.json", "x.zip", "emissions/emissions.csv"])
def test_the_files_of_a_run_are_never_written_over(
    results: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    run = results / "individual_runs" / NAME
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert ends_with("bundle", "--results", results, "--i-attest", run / name) == 2
    assert f"{name} is inside the run directory {run}" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_only_a_bundle_is_replaced_by_a_bundle(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = results / "master_results.csv"
    table.write_bytes(b"model_name\n")
    assert ends_with("bundle", "--results", results, "--i-attest", table) == 2
    assert f"{table} exists and is not a bundle" in capsys.readouterr().err
    assert table.read_bytes() == b"model_name\n"
    pipe = results / "pipe"
    os.mkfifo(pipe)
    assert ends_with("bundle", "--results", results, "--i-attest", pipe) == 2
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["benchmark_report.json", "run_spec.json", "model_config.json", "host_witness.json"])
@pytest.mark.parametrize("options", [[], ["--model-name", "gpt"]])
def test_a_run_with_a_damaged_record_is_one_that_cannot_be_handed_in(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, options: list[str]
) -> None:
    (results / "individual_runs" / NAME / name).write_bytes(b"{")
    assert ends_with("bundle", "--results", results, *options, "--i-attest", tmp_path / "x.zip") == 2
    assert f"{name}: file: Invalid JSON" in capsys.readouterr().err


def test_one_run_that_failed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path, "one", failure=make_failure())
    assert ends_with("bundle", "--results", run.path, "--i-attest", tmp_path / "x.zip") == 2
    assert f"{run.path}: failed: only finished runs have a result" in capsys.readouterr().err


def test_the_results_directory_of_one_run_is_a_run_as_well(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    assert ends_with("bundle", "--results", results / "individual_runs" / NAME, "--i-attest", file) == 0
    assert f"runs/{NAME}/run_spec.json" in opened(file.read_bytes())


def test_a_signed_bundle_is_checked_against_the_named_key(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, file, private, public = Ed25519PrivateKey.generate(), tmp_path / "x.zip", tmp_path / "k", tmp_path / "k.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    assert ends_with("bundle", "--results", results, "--i-attest", "--sign-key", private, file) == 0
    assert ends_with("verify", "--signer", public, file) == 0
    assert "signature: signed by the expected key" in capsys.readouterr().out
    assert ends_with("verify", "--signer", private, file) == 2


def test_without_its_package_a_signature_is_refused_with_the_extra_that_brings_it(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "energy_score.reports.submission.signature", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert ends_with("bundle", "--results", results, "--i-attest", "--sign-key", tmp_path / "k", tmp_path / "x") == 3
    assert "pip install -c constraints.txt -e '.[signing]'" in capsys.readouterr().err
