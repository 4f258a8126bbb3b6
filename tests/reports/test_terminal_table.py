"""Facts about tables on a terminal; in a pipe they are tab-separated, which the command line's tests read."""

import io
import re

import pytest

from energy_score.reports.terminal_table import print_table

HEADER = ("line", "model", "state", "note")
ROWS = [("61", "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5", "Off", "system prompt '/no_think'"), ("62", "a/b", "On", "")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal()
    print_table(HEADER, ROWS, stream=terminal)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.mark.parametrize("width", [31, 40, 80, 120])
def test_nothing_is_cut_and_no_line_is_wider_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(width, monkeypatch)
    assert "…" not in text
    letters = "".join(text.split())
    if width in (31, 120):  # from top to bottom, or with room for all
        assert ROWS[0][1] in letters
    if width >= 40:
        assert max(map(len, text.splitlines())) <= width


def test_where_columns_would_hold_no_word_each_row_is_told_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(31, monkeypatch) == (
        "line: 61\nmodel: nvidia/Llama-3_3-Nemotron-Super-49B-v1_5\nstate: Off\nnote: system prompt '/no_think'\n\n"
        "line: 62\nmodel: a/b\nstate: On\n\n"
    )
