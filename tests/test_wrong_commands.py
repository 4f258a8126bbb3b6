"""Facts about wrong commands: each ends with its exit code and says what to do, and nothing is written."""

import shlex
import shutil
from pathlib import Path

import pytest

from energy_score.reports.results_table.result_row import ResultRow
from tests.support.command_line import ROOT, program

# Exit code, what is typed, and what the message says. A batch is typed with --dry-run: a right one does nothing.
_TABLE = Path(__file__).with_name("wrong_commands.tsv").read_text(encoding="utf-8").splitlines()[1:]
WRONG = [(int(code), typed, said) for code, typed, said in (line.split("\t") for line in _TABLE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a models sheet, a table that is none, an empty folder and a text."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copy(ROOT / "models.csv", folder)
    (folder / "empty").mkdir()
    (folder / "file.txt").write_text("hello\n", encoding="utf-8")
    columns = ",".join(ResultRow.model_fields)
    (folder / "results.csv").write_text(f"{columns}\n", encoding="utf-8")
    (folder / "x.csv").write_text("prompt\nhi\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("code", "typed", "said"), WRONG, ids=[typed for _, typed, _ in WRONG])
def test_a_wrong_command_is_answered_with_what_to_do(code: int, typed: str, said: str, folder: Path) -> None:
    words = shlex.split(typed)
    before = sorted(folder.rglob("*"))
    done = program(*words, *(["--dry-run"] if words[0].startswith("-") else []), folder=folder)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before
