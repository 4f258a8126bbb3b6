"""Facts about the token, the disk and the spreadsheet."""

from collections import namedtuple
from pathlib import Path

import pytest

from energy_score.contract.errors import ModelsCsvError
from energy_score.host.preflight import files

TOKEN = "hf_" + "s3cR3t" * 6
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil's own


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_token_in_the_environment_is_told_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (check,) = files.token_checks()
    assert check == ("hub token", "ok", "in the environment (HF_TOKEN)", "")


@pytest.mark.parametrize("place", ["hf", ".cache/huggingface", ".huggingface"])
def test_a_token_file_is_told_and_never_shown(home: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    (home / place).mkdir(parents=True)
    (home / place / "token").write_text(TOKEN)
    (check,) = files.token_checks()
    assert check.found == f"in {home / place / 'token'}"
    assert TOKEN not in "".join(check)


def test_an_empty_token_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", " ")
    (home / ".huggingface").mkdir()
    (home / ".huggingface" / "token").write_text("\n")
    (check,) = files.token_checks()
    assert (check.status, check.found) == ("warning", "none")


def test_the_room_is_that_of_the_nearest_directory_there_is(home: Path) -> None:
    results, models = files.disk_checks(home / "not" / "there" / "yet")
    assert results.found.startswith(f"{home}/not/there/yet: ")
    assert models.found.startswith(f"{home}/.cache/huggingface: ")


def test_a_small_disk_is_a_warning_that_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(2**40, 2**40, 2**28))
    results, models = files.disk_checks(home)
    assert results.found.endswith("0.2 GiB free, below 1 GiB")
    assert (results.status, results.remedy) == ("warning", "choose another --output-dir")
    assert "HF_HOME" in models.remedy


def test_a_directory_that_may_not_be_written_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    results, _ = files.disk_checks(home)
    assert results.status == "missing"
    assert "no permission to write" in results.found


def test_the_faults_of_a_spreadsheet_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parser:
        def __init__(self, path: Path) -> None: ...

        def parse(self) -> list[object]:
            raise ModelsCsvError(["models.csv:2: Task: 'x' is not a task", "models.csv:3: Class: 'Z'"])

    monkeypatch.setattr(files, "ModelConfigParser", Parser)
    (check,) = files.spreadsheet_checks(Path("models.csv"))
    assert check.status == "missing"
    assert check.found == "models.csv:2: Task: 'x' is not a task (and 1 more)"
    assert "python model_config_parser.py models.csv" in check.remedy


def test_a_real_spreadsheet_is_told_with_its_rows(tmp_path: Path) -> None:
    sheet = tmp_path / "models.csv"
    header = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"
    sheet.write_text(f"{header}\nopenai-community/gpt2,1,A,text_gen,,\n")
    (check,) = files.spreadsheet_checks(sheet)
    assert (check.status, check.found) == ("ok", f"{sheet}: 1 rows")
