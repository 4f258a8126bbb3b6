"""Facts about --format: the same four forms in every command that reports something."""

import csv
import io
import json
from pathlib import Path

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_report import RunReport
from tests.support.command_line import command
from tests.support.record_factory import make_config, make_report, make_run, make_spec, make_statistics

COMMANDS = {
    "rate": ("rate", "--results", "RESULTS"),
    "compare modes": ("compare", "modes", "--results", "RESULTS"),
    "compare models": ("compare", "models", "--results", "RESULTS", "a/small", "a/large"),
    "compare results": ("compare", "results", "RESULTS", "RESULTS"),
    "impact": ("impact", "--results", "RESULTS", "--queries-per-year", "1e6"),
    "drift": ("drift", "2025-02", "2025-02"),
    "list": ("list", "--model-name", "gpt-oss"),
}


def report_of(model: str, share: float) -> RunReport:
    return make_report(spec=make_spec(model_id=model), statistics=make_statistics(share=share))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, share in (("small", 0.02), ("large", 0.2)):
        make_run(tmp_path, name, config=make_config(model_id=f"a/{name}"), report=report_of(f"a/{name}", share))
    config = make_config(model_id="a/small", reasoning_state="Off", reasoning_mode=ReasoningMode.OFF)
    spec = make_spec(model_id="a/small", reasoning_state="Off", reasoning=ReasoningMode.OFF)
    make_run(tmp_path, "small_Off", config=config, report=make_report(spec=spec))
    return tmp_path


def written(name: str, results: Path, *options: str) -> str:
    words = [str(results) if word == "RESULTS" else word for word in COMMANDS[name]]
    done = command(*words, *options)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_its_own_alias(name: str, results: Path) -> None:
    text = written(name, results, "--format", "json")
    assert text == written(name, results, "--json")
    assert json.loads(text.splitlines()[0]) if name in ("rate", "list") else json.loads(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_csv_is_one_table_with_as_many_cells_in_every_row(name: str, results: Path) -> None:
    rows = list(csv.reader(io.StringIO(written(name, results, "--format", "csv"))))
    assert {len(row) for row in rows} <= {len(rows[0])} if rows else name == "drift"


@pytest.mark.parametrize("name", COMMANDS)
def test_markdown_has_a_table_for_each_header(name: str, results: Path) -> None:
    assert "| --- |" in written(name, results, "--format", "markdown")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_table_is_the_default(name: str, results: Path) -> None:
    assert written(name, results) == written(name, results, "--format", "table")
