"""Facts about the command, with a model in a folder."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from energy_score.host.cli.commands.preflight import command
from energy_score.host.preflight.models.facts import Model
from energy_score.host.preflight.models.loading import LoadResult
from tests.support.model_cases import CARD, SMALL
from tests.support.model_hub import head, write_weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model in a folder, and no transformers: its own import takes seconds, and other tests load models."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    for name, data in SMALL.items():
        (tmp_path / name).write_bytes(data)
    write_weights(tmp_path / "model.safetensors", head(w=("BF16", [10**9])))
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(command, [*arguments], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_one_model_shows_every_rule_and_ends_with_0(folder: Path) -> None:
    code, told, summary = run(str(folder), "--class", "a", "--output-dir", str(folder))
    assert code == 0
    assert told.splitlines()[0] == f"{folder} (text_gen, class A): warn; can run, can be submitted"
    assert "  pass  licence        apache-2.0" in told
    assert "unknown: transformers is missing here" in told
    assert summary == "1 row: 0 pass, 1 warn, 0 fail; 1 can run, 1 can be submitted\n"


def test_json_is_a_list_of_rows_alone_on_standard_output(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no head")
    code, told, _ = run(str(folder), "--json", "--output-dir", str(folder))
    [row] = json.loads(told)
    assert code == 1
    assert (row["model"], row["task"], row["can_run"], row["status"]) == (str(folder), "text_gen", False, "fail")
    assert {tuple(one) for one in row["findings"]} == {("rule", "status", "found", "remedy", "bars_run")}


def test_weights_whose_copy_was_broken_off_are_damaged(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 10**6)
    code, told, _ = run(str(folder), "--output-dir", str(folder))
    assert code == 1
    assert (
        "  fail  weights        model.safetensors: truncated: 1000000 bytes, but its tensors alone need 2000000000"
    ) in told


def test_a_model_with_a_published_score_is_told(folder: Path) -> None:
    (folder / "README.md").write_text(CARD)
    sheet = folder / "sheet.csv"
    header = "Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template"
    sheet.write_text(f"{header}\nmicrosoft/phi-4,1,A,text_gen,Off (N/A),\n")
    code, told, _ = run("--csv", str(sheet), "--output-dir", str(folder))
    assert code == 3  # offline, as all tests are
    assert "already scored: 2025-02.json:" in told


def test_a_model_of_two_tasks_is_loaded_for_each(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def results(wanted: Mapping[tuple[Model, str], str | None]) -> dict[tuple[Model, str], LoadResult]:
        return {asked: LoadResult(fault=f"no {asked[1]}") for asked in wanted}

    monkeypatch.setattr("energy_score.host.cli.commands.preflight.load_results", results)
    sheet = folder / "sheet.csv"
    rows = f"{folder},1,A,text_gen,,\n{folder},1,,image_captioning,,\n"
    sheet.write_text(f"Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n{rows}")
    _, told, _ = run("--csv", str(sheet), "--output-dir", str(folder), "--json")
    loads = [next(one["found"] for one in row["findings"] if one["rule"] == "loads") for row in json.loads(told)]
    assert loads == ["no text_gen", "no image_captioning"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a b",), "is not a model id"),
        (("lab/m", "--exact"), "select rows of a sheet"),
        (("--revision", "main"), "column Revision"),
        (("lab/m", "--reasoning-state", "Sometimes"), "is not a reasoning state"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(command, [*arguments])
    assert getattr(done.exception, "exit_code", None) == 2
    assert said in str(done.exception)


def test_a_row_that_no_run_can_be_made_of_fails_by_name(folder: Path) -> None:
    code, told, _ = run("./not-there", "--output-dir", str(folder))
    assert code == 1
    assert "is not a folder" in told
    assert "cannot run" in told


def test_that_the_hub_was_not_asked_is_said_once_and_not_for_every_row(folder: Path) -> None:
    sheet = folder / "sheet.csv"
    rows = "".join(f"org/model-{number},1,A,text_gen,,\n" for number in range(3))
    sheet.write_text(f"Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n{rows}")
    code, told, _ = run("--csv", str(sheet), "--output-dir", str(folder))
    assert code == 3
    assert told.splitlines() == ["3 rows: nothing else to say without the Hub (--all shows every rule)"]
    _, whole, _ = run("--csv", str(sheet), "--output-dir", str(folder), "--all")
    assert whole.count("  exists ") == 3


def test_a_private_model_without_a_license_can_run_and_cannot_be_submitted(folder: Path) -> None:
    (folder / "README.md").write_text("# mine\n", encoding="utf-8")
    code, told, summary = run(str(folder), "--output-dir", str(folder))
    assert code == 1
    assert told.splitlines()[0].endswith("fail; can run, cannot be submitted")
    assert summary.endswith("1 can run, 0 can be submitted\n")
