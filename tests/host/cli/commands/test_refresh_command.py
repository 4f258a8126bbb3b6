"""What refresh refuses before it measures; what it publishes is in tests/e2e/test_refresh.py."""

from pathlib import Path

import pytest

from tests.support.command_line import command

SHEET = """\
Models to Add,Priority (1=hi),Class,Task,Reasoning State,Chat Template
./model,1,A,text_gen,,
"""


@pytest.mark.parametrize(
    ("site", "against", "code", "words"),
    [
        ("taken", "2025-02", 2, "already exists and was not made by this program"),
        ("model.csv/site", "2025-02", 3, "cannot be read or written: Not a directory"),
        ("board", "2025-20", 2, "no such snapshot: '2025-20'"),
    ],
)
def test_a_site_that_could_not_be_published_is_refused_before_anything_runs(
    site: str, against: str, code: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model.csv").write_text(SHEET, encoding="utf-8")
    where = ("--csv", str(tmp_path / "model.csv"), "--output-dir", str(tmp_path / "results"), "--executor", "local")
    done = command("refresh", *where, "--site", str(tmp_path / site), "--against", against)
    assert done.exit_code == code
    assert words in done.stderr
    assert not (tmp_path / "results").exists()
