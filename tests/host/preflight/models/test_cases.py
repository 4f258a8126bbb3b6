"""Every case of the stand-in Hub, through the command and with the real huggingface_hub and transformers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from energy_score.host.cli.commands.preflight import command
from tests.support.model_cases import CASES, sheet_of
from tests.support.model_hub import TOKEN, ModelHub

pytestmark = pytest.mark.slow  # some 60 models, each loaded by the real transformers in a child

# A Hub that is too slow for one question is not asked another: in a test of its own.
TOGETHER = {name: case for name, case in CASES.items() if name != "slow"}


@pytest.fixture(scope="module")
def rows(asked_hub: ModelHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the command's findings by case, with a login if the case needs one."""
    folder = tmp_path_factory.mktemp("sheets")
    found: dict[str, dict[str, Any]] = {}
    for variables in ({}, {"HF_TOKEN": TOKEN}):
        sheet = folder / "cases.csv"
        sheet.write_text(sheet_of({name: case for name, case in TOGETHER.items() if case.token == bool(variables)}))
        done = CliRunner().invoke(
            command, ["--csv", str(sheet), "--output-dir", str(folder), "--json"], env=variables, catch_exceptions=False
        )
        assert done.exit_code == 1
        assert TOKEN not in done.output
        found |= {row["model"].removeprefix("lab/"): row for row in json.loads(done.stdout)}
    return found


@pytest.mark.parametrize("name", TOGETHER)
def test_a_case_is_found_to_be_what_it_is(name: str, rows: Mapping[str, dict[str, Any]]) -> None:
    findings = rows[name]["findings"]
    assert {one["rule"]: one["status"] for one in findings if one["status"] != "pass"} == CASES[name].finds
    assert tuple(one["rule"] for one in findings if one["bars_run"]) == CASES[name].bars
    assert rows[name]["can_run"] is not bool(CASES[name].bars)


def test_whatever_fails_says_what_to_do_and_what_warns_says_why(rows: Mapping[str, dict[str, Any]]) -> None:
    findings = [one for row in rows.values() for one in row["findings"]]
    assert [one for one in findings if one["status"] == "fail" and not one["remedy"]] == []
    assert [
        one for one in findings if one["status"] == "warn" and not (one["remedy"] or "unknown" in one["found"])
    ] == []


def test_what_a_repository_says_is_safe_to_print(rows: Mapping[str, dict[str, Any]]) -> None:
    assert all(one["found"].isprintable() and one["remedy"].isprintable() for one in rows["hostile"]["findings"])


def test_no_weights_are_downloaded_and_headers_are_read_by_ranges(
    asked_hub: ModelHub, rows: Mapping[str, dict[str, Any]]
) -> None:
    read = [request for request in asked_hub.requests if request.endswith((".safetensors", ".bin"))]
    assert any("/lab/good/" in request for request in read)
    assert all(request.startswith("GET range ") for request in read)
    # Where the Hub has counted the parameters, not even those.
    assert not any("/lab/counted/" in request for request in read)


def test_parameters_are_those_of_the_model_however_its_weights_are_packed(rows: Mapping[str, dict[str, Any]]) -> None:
    def found(name: str, rule: str) -> str:
        return next(str(one["found"]) for one in rows[name]["findings"] if one["rule"] == rule)

    names = (
        "good", "counted", "sharded", "shards-by-index", "gptq-4-bit", "gptq-8-bit", "awq", "bitsandbytes-4-bit",
        "gpt-oss-like",
    )  # fmt: skip
    assert {name: found(name, "parameters") for name in names} == {
        "good": "7 B", "counted": "7 B", "sharded": "3 B", "shards-by-index": "3 B", "gptq-4-bit": "13 B",
        "gptq-8-bit": "13 B", "awq": "13 B", "bitsandbytes-4-bit": "13 B", "gpt-oss-like": "20.8 B",
    }  # fmt: skip
    assert "at most 280 B with gptq, 8 bit" in found("gptq-8-bit", "size_limit")
    assert "at most 560 B with gptq, 4 bit" in found("gptq-4-bit", "size_limit")


def test_the_commit_that_was_looked_at_is_told(rows: Mapping[str, dict[str, Any]]) -> None:
    assert rows["on-a-branch"]["commit"] == rows["good"]["commit"] == CASES["good"].revision


def test_the_sheet_of_all_cases_has_a_line_for_each(tmp_path: Path) -> None:
    assert len(sheet_of(CASES).splitlines()) == len(CASES) + 1
