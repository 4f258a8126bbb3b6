"""No reader, no room, no stream: a command ends with its own exit code or an error, and never with a traceback."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.host.batch.progress import JsonProgress, PlainProgress
from energy_score.host.cli.standard_streams import say
from tests.support.command_line import command
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
LIST = ("batch_runner.py", "list")
HELP = ("batch_runner.py", "--help")
WRONG = ("batch_runner.py", "rate", "--results", "nowhere")
PARSER = ("model_config_parser.py", "models.csv")


class Unwritable:
    """A stream whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def ended(words: tuple[str, ...], *, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("words", "code"), [(LIST, 0), (HELP, 0), (PARSER, 0), (WRONG, 2)])
def test_a_reader_that_has_left_changes_no_exit_code(words: tuple[str, ...], code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = ended(words, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", [LIST, HELP, PARSER])
def test_a_full_disk_below_standard_output_is_an_error_of_the_environment(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(words, stdout=full.fileno())
    assert done.returncode == 3
    assert "error: standard output: cannot be read or written: No space left on device\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_without_streams_does_its_work() -> None:
    line = f"'{sys.executable}' batch_runner.py list >&- 2>&-"
    assert subprocess.run(["bash", "-c", line], cwd=ROOT, timeout=PATIENCE_S, check=False).returncode == 0


def test_a_character_that_the_terminal_has_not_is_escaped() -> None:
    done = subprocess.run(
        [sys.executable, *HELP], cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "latin-1"}, capture_output=True,
        timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert rb"image_gen, \u2026" in b" ".join(done.stdout.split())


@pytest.mark.parametrize("progress", [PlainProgress(Unwritable()), JsonProgress(Unwritable())])  # type: ignore[arg-type]
def test_a_batch_goes_on_when_nobody_looks_on_any_more(progress: PlainProgress | JsonProgress) -> None:
    progress.batch_started(run_count=1, headline="1 row selected")
    progress.note("nothing of interest")
    progress.batch_finished("1 done")


@pytest.mark.parametrize(
    "words",
    [
        ("label", "--snapshot", "2025-02", "--model-name", "phi-4", "--to", "FILE/labels"),
        ("leaderboard", "--results", "RESULTS", "--site", "FILE/site"),
        ("aggregate", "--output-dir", "RESULTS"),
        ("sweep", "Qwen/Qwen3-0.6B", "--output-dir", "FILE/sweep"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_and_is_no_traceback(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "FILE").touch()
    (tmp_path / "RESULTS" / "individual_runs").mkdir(parents=True)
    (tmp_path / "RESULTS" / "master_results.csv").mkdir()
    done = command(*(str(tmp_path / word) if word.startswith(("FILE", "RESULTS")) else word for word in words))
    assert done.exit_code == 3
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}")
    assert ": cannot be read or written: " in done.stderr


def test_a_message_keeps_its_indentation_and_nothing_that_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("Commands:\n  a\x1b[31m  b\u202e")
    assert capsys.readouterr().err == "Commands:\n  a  b\n"
