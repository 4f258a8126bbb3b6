from pathlib import Path

import pytest

from energy_score.contract.errors import UsageError
from energy_score.reports.comparison.side_by_side import modes
from energy_score.reports.ratings.rating import unrated_because
from energy_score.reports.results import read_results
from energy_score.reports.results_table.result_row import DOCUMENTED_COLUMNS, ResultRow
from results_aggregator import ResultsAggregator
from tests.support.record_factory import make_config, make_failure, make_report, make_run


def test_a_table_read_back_holds_the_rows_of_the_run_directories(tmp_path: Path) -> None:
    make_run(tmp_path, "one", report=make_report())
    make_run(tmp_path, "two", config=make_config(model_id="=cmd/model"), failure=make_failure(message="-1 is odd"))
    table = ResultsAggregator(tmp_path).write_master_csv()
    of_directories, of_table = read_results(tmp_path), read_results(table)
    assert [one.path.name for one in of_directories.directories if one] == ["one", "two"]
    assert of_table.directories == (None, None)
    for read, made in zip(of_table.rows, of_directories.rows, strict=True):
        for column in ResultRow.model_fields:
            value = getattr(made, column)
            if column == "timestamp":  # written to the second
                value = value.replace(microsecond=0)
            assert getattr(read, column) == (None if value == "" and column != "reasoning_state" else value), column
    assert of_table.rows[1].model_name == "=cmd/model"


def test_a_table_of_the_published_tool_has_unknown_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    cells = ["a/a", "A", "text_gen", "Off", *["1"] * 13, "2025-11-17T03:15:00+00:00", ""]
    path.write_text(",".join(DOCUMENTED_COLUMNS) + "\n" + ",".join(cells) + "\n", encoding="utf-8")
    [row] = read_results(path).rows
    assert row.gpu_energy_wh == 1.0
    assert row.rateable is None
    assert row.error_message is None


def test_energies_of_the_published_tool_are_compared_and_its_0_wh_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    figures = ["10", "10", "0", "100", "10", "1500", "500", "1000", "15"]
    lines = [
        ["a/a", "A", "text_gen", state, *figures, energy_wh, "12", "0.01", "2.5", "2025-11-17T03:15:00", ""]
        for state, energy_wh in (("Off", "12.7"), ("On", "25.4"), ("On (High)", "0.0"))
    ]
    path.write_text("\n".join(",".join(line) for line in (DOCUMENTED_COLUMNS, *lines)), encoding="utf-8")
    rows = read_results(path).rows
    assert [row.wh_per_1000_queries for row in rows] == [1270.0, 2540.0, None]
    assert rows[2].gpu_energy_wh is None
    assert unrated_because(rows[0]) == "the table has no verdict for this run"
    [comparison] = modes(rows)
    assert [line.energy_ratio for line in comparison.lines] == [1.0, 2.0, None]


def test_every_fault_of_a_table_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    good = ["a/a", "A", "text_gen", "Off", *["1"] * 13, "2025-11-17T03:15:00+00:00", ""]
    bad = ["b/b", "A", "text_gen", "Off", "many", *["1"] * 12, "tomorrow", ""]
    path.write_text("\n".join(",".join(line) for line in (DOCUMENTED_COLUMNS, good, bad)), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_results(path)
    assert "bad.csv:3: total_prompts:" in str(caught.value)
    assert "bad.csv:3: timestamp:" in str(caught.value)


def test_a_row_with_cells_missing_or_left_over_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv"
    good = ["a/a", "A", "text_gen", "Off", *["1"] * 13, "2025-11-17T03:15:00+00:00", ""]
    lines = (DOCUMENTED_COLUMNS, good, [*good, "more", "still"], good[:14])
    path.write_text("\n".join(",".join(line) for line in lines), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_results(path)
    told = str(caught.value).splitlines()
    assert told == [
        f"{path}:{line}: expected 19 cells as in the header, found {count}" for line, count in ((3, 21), (4, 14))
    ]


def test_what_is_no_results_table_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "models.csv"
    path.write_text("model_name,colour\na,red\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"missing column model_class.*unknown column 'colour'"):
        read_results(path)
    with pytest.raises(UsageError, match="no results found"):
        read_results(tmp_path / "absent")


def test_a_cell_of_no_end_is_a_fault_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv"
    path.write_text(f"{','.join(DOCUMENTED_COLUMNS)}\n{'x' * 200_000}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"endless.csv: cannot be read: field larger than field limit"):
        read_results(path)


def test_a_models_spreadsheet_is_called_one(tmp_path: Path) -> None:
    sheet = tmp_path / "models.csv"
    sheet.write_text("Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template\n", encoding="utf-8")
    with pytest.raises(UsageError, match="this is a models spreadsheet, not results") as told:
        read_results(sheet)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300 + len(str(sheet))
