"""Whatever a model is called, no file leaves its directory, no cell is run, and no log line is forged."""

import csv
from pathlib import Path

import pytest

from debug_logger import RunLog
from energy_score.contract.run_directory import run_name
from results_aggregator import ResultsAggregator
from tests.security.hostile_strings import HOSTILE
from tests.security.traces import is_plain
from tests.support.record_factory import make_config, make_failure, make_report, make_run, make_spec


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("state", ["On (High)", "", "../..", "N/A"])
def test_a_run_name_is_one_plain_path_component(tmp_path: Path, name: str, state: str) -> None:
    directory_name = run_name(name, state)
    assert directory_name.isascii()
    assert directory_name.isprintable()
    assert not set(directory_name) & set("/\\ '\"`$;&|<>()")
    assert not directory_name.startswith((".", "-"))
    assert 0 < len(directory_name) <= 180
    (tmp_path / directory_name).mkdir()
    assert (tmp_path / directory_name).resolve().parent == tmp_path.resolve()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_row_stays_one_row_of_plain_cells(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "a", config=make_config(model_id=name), failure=make_failure(message=name, run_id=name))
    make_run(tmp_path, "b", report=make_report(spec=make_spec(model_id=name, reasoning_state=name, notes=(name,))))
    table = ResultsAggregator(tmp_path).write_master_csv()
    assert len(table.read_bytes().splitlines()) == 3
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert [len(row) for row in rows] == [len(rows[0])] * 3
    for cell in rows[1] + rows[2]:
        assert not cell.lstrip().startswith(("=", "+", "-", "@"))
        assert is_plain(cell)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_log_line_stays_one_line_of_plain_text(tmp_path: Path, name: str) -> None:
    with RunLog(tmp_path, name) as run_log:
        run_log.line(f"loading {name}")
    assert run_log.path.resolve().parent == (tmp_path / "logs").resolve()
    (line,) = run_log.path.read_text(encoding="utf-8").splitlines()
    assert is_plain(line)
    assert "] INFO: loading" in line
