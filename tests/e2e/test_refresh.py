"""``refresh`` and ``sweep`` as a user runs them, with the demo's tiny models."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Workplace, environment
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.e2e


def refresh(workplace: Workplace, folder: Path, sheet: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = workplace.command(sheet, folder / "results", "--site", str(folder / "site"), *options)
    command.insert(2, "refresh")
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_night_publishes_what_is_new_and_the_next_does_nothing(workplace: Workplace, tmp_path: Path) -> None:
    sheet = workplace.sheet("night.csv", ["./models/Qwen3-tiny,Off,"])
    first = refresh(workplace, tmp_path, sheet)
    assert first.returncode == 0, first.stderr
    assert "1 lines changed" in first.stdout
    site = files(tmp_path / "site")

    second = refresh(workplace, tmp_path, sheet)
    assert second.returncode == 0, second.stderr
    assert "1 skipped" in second.stderr
    assert "nothing changed since" in second.stdout
    assert files(tmp_path / "site") == site

    # A night in which a run fails: the site stays, to the byte, and the exit code says so.
    failing = workplace.sheet("failing.csv", ["./models/Qwen3-tiny,Off,", "./models/not-there,Off,"])
    third = refresh(workplace, tmp_path, failing)
    assert third.returncode == 1
    assert "was not updated: not all runs are done" in third.stderr
    assert files(tmp_path / "site") == site

    fourth = refresh(workplace, tmp_path, failing, "--allow-failed")
    assert fourth.returncode == 0, fourth.stderr
    after = files(tmp_path / "site")
    assert b"not-there" in after["leaderboard.csv"]
    version = (tmp_path / "site").resolve()
    [prior] = list((version / "prior").iterdir())
    assert files(prior) == site


def test_a_sweep_runs_every_mode_twice_and_compares_them(workplace: Workplace, tmp_path: Path) -> None:
    command = [
        sys.executable, str(ROOT / "batch_runner.py"), "sweep", str(workplace.folder / "models" / "gpt-oss-tiny"),
        "--executor", "local", "--prompts-file", str(workplace.folder / "prompts.txt"), "--protocol", "quick",
        "--warmup", "1", "--max-new-tokens-on", "24", "--fixed-tokens", "8", "--output-dir", str(tmp_path / "sweep"),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    natural, fixed = done.stdout.split("\nfixed_8:\n")
    for table, tokens in ((natural.split("\nnatural:\n")[1], None), (fixed, "8")):
        lines = [line.split("\t") for line in table.splitlines() if line.startswith("On (")]
        assert [line[0] for line in lines] == ["On (Low)", "On (Medium)", "On (High)"]
        if tokens:
            assert {line[4] for line in lines} == {tokens}
