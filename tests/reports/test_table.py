import json

import pytest

from energy_score.reports.table import Table, figure, figure_with_interval, markdown, write, write_lines

TABLE = Table("a_b", ("x", "y"), (("<b>|1", "2\n3"),), notes=("n_1",), objects=({"x": 1.25},))


def test_markdown_makes_what_it_would_read_harmless() -> None:
    assert markdown(TABLE) == "### a\\_b\n\n| x | y |\n| --- | --- |\n| \\<b\\>\\|1 | 2 3 |\n\n- n\\_1\n"


def test_json_holds_the_unrounded_objects(capsys: pytest.CaptureFixture[str]) -> None:
    write([TABLE], "json")
    assert json.loads(capsys.readouterr().out) == [{"title": "a_b", "rows": [{"x": 1.25}], "notes": ["n_1"]}]


def test_a_pipe_gets_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    write([TABLE], "table")
    assert capsys.readouterr().out == "a_b\nx\ty\n<b>|1\t2 3\nnote: n_1\n"


def test_an_unknown_figure_is_empty() -> None:
    assert (figure(None), figure(0.0), figure(1234.567)) == ("", "0", "1235")


@pytest.mark.parametrize(
    ("value", "half_width", "text"),
    [
        (35.3792, 0.13, "35.38 ± 0.13"),
        (35.3792, None, "35.3792"),
        (35.3792, 0.0, "35.3792"),
        (4122.1, 37.4, "4122 ± 37"),
        (308186.2, 1234.5, "308200 ± 1200"),
        (0.6200471, 0.00031, "0.62005 ± 0.00031"),
        (28.741, 0.0999, "28.74 ± 0.10"),
    ],
)
def test_a_figure_has_no_more_digits_than_its_interval(value: float, half_width: float | None, text: str) -> None:
    assert figure_with_interval(value, half_width) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (38114.6, "38110"), (1234567.0, "1235000"), (9999.6, "10000"), (12.3456, "12.35"), (0.00001234, "1.234e-05"),
        (-38114.6, "-38110"), (float("inf"), "inf"), (None, ""), (0.0, "0"),
    ],
)  # fmt: skip
def test_a_large_figure_is_written_out(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_csv_has_every_digit_and_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("", ("x",), (), objects=({"x": 0.1234567891, "who": "=1+1", "edges": [1, 2]}, {"x": None}))
    write([table], "csv")
    assert capsys.readouterr().out == 'x,who,edges\n0.1234567891,\'=1+1,"[1, 2]"\n,,\n'


def test_csv_of_several_tables_says_which_a_row_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    write([Table("a", ("x",), (), objects=({"x": 1},)), Table("b", ("y",), (), objects=({"y": 2},))], "csv")
    assert capsys.readouterr().out == "table,x,y\na,1,\nb,,2\n"


def test_json_lines_are_one_object_each(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(Table("", ("x",), (), objects=({"x": 1}, {"x": 2})), "json")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"x": 1}, {"x": 2}]
