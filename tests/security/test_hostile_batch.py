"""A batch whose sheet, models, prompts and answers are all hostile: it runs, and nothing but its own happens."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from energy_score.host.batch.batch_status import BatchStatus
from energy_score.host.batch.live_status import FILE_NAME
from tests.security.conftest import HostileBatch
from tests.security.hostile_strings import CANARY
from tests.security.traces import LOG_LINE, is_plain, live_cells, raw_controls
from tests.support.patience import PATIENCE_S
from tests.support.record_factory import make_owner, make_run
from tests.support.toy_installation import ROOT

pytestmark = pytest.mark.slow

# What rich itself sends to a terminal that shows a live view: colours, cursor, lines taken back.
_OF_THE_VIEW = re.compile(r"\x1b\[(?:\?25[lh]|[0-9;]*m|1A|2K)|\r")


def test_every_row_is_run_and_only_those_fail_that_were_told_to(hostile_batch: HostileBatch) -> None:
    assert hostile_batch.exit_code == 1, hostile_batch.stderr
    events = [json.loads(line) for line in hostile_batch.stdout.splitlines()]
    ended = {event["run"]: event for event in events if event["event"] == "run_finished"}
    assert set(ended) == set(hostile_batch.names.values())
    for name, event in ended.items():
        fails = (hostile_batch.folder / "workplace" / name / "fails").exists()
        assert event["outcome"] == ("failed" if fails else "done"), event
    assert len(ended) > 25


def test_nothing_is_written_outside_of_the_output_directory(hostile_batch: HostileBatch) -> None:
    assert {path.name for path in hostile_batch.folder.iterdir()} == {"workplace", "output"}
    workplace = hostile_batch.folder / "workplace"
    files = {path.name for path in workplace.rglob("*") if path.is_file()}
    assert files == {"says.txt", "fails", "models.csv", "prompts.txt"}
    assert not list(hostile_batch.folder.rglob(CANARY))
    for path in hostile_batch.output.rglob("*"):
        assert re.fullmatch(r"[\w.+=@,-]+", path.name, re.ASCII), path
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o022 == 0  # others may not change it
    runs = list((hostile_batch.output / "individual_runs").iterdir())
    assert len(runs) == len(hostile_batch.names)


def test_terminal_and_logs_hold_text_alone(hostile_batch: HostileBatch) -> None:
    assert raw_controls(hostile_batch.stdout + hostile_batch.stderr) == []
    logs = list((hostile_batch.output / "logs").iterdir())
    assert len(logs) == len(hostile_batch.names)
    for path in logs:
        lines = path.read_text(encoding="utf-8").split("\n")
        assert [line for line in lines[:-1] if not is_plain(line) or not LOG_LINE.fullmatch(line)] == []


def test_a_model_cannot_speak_as_the_batch(hostile_batch: HostileBatch) -> None:
    events = [json.loads(line) for line in hostile_batch.stdout.splitlines()]
    kinds = {(event["event"], event.get("kind")) for event in events}
    assert kinds == {
        ("batch_started", None), ("run_started", None), ("engine", "stage"), ("engine", "progress"),
        ("run_finished", None), ("batch_finished", None),
    }  # fmt: skip
    assert {event["stage"] for event in events if event.get("kind") == "stage"} <= {
        "data", "load", "warmup", "measure", "report", "null",
    }  # fmt: skip


def test_no_cell_of_any_table_is_run(hostile_batch: HostileBatch) -> None:
    tables = list(hostile_batch.output.rglob("*.csv"))
    assert len(tables) > len(hostile_batch.names) / 2
    for table in tables:
        assert live_cells(table) == [], table


def test_every_record_is_json_of_one_meaning(hostile_batch: HostileBatch) -> None:
    for path in hostile_batch.output.rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        json.loads(text, parse_constant=pytest.fail)
        assert "\x1b" not in text


def test_the_live_view_on_a_terminal_shows_text_alone(hostile_batch: HostileBatch, tmp_path: Path) -> None:
    output = tmp_path / "output"
    shutil.copytree(hostile_batch.output, output)
    status = BatchStatus.read(output / FILE_NAME)
    assert status.recent_failures
    # Whoever can write there may have named a folder like this, and a count in the status file.
    make_run(output, "x\x1b]0;owned\x07\x1b[2J", owner=make_owner(finished_at=None))
    status.model_copy(update={"counts": {"done\x1b[2J": 3}}).write(output / FILE_NAME)
    terminal, its_end = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, str(ROOT / "batch_runner.py"), "watch", "--output-dir", str(output)],
        stdin=its_end, stdout=its_end, stderr=its_end, env=os.environ | {"TERM": "xterm", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(its_end)
    shown = b""
    while part := _read(terminal):
        shown += part
    os.close(terminal)
    assert watching.wait(timeout=PATIENCE_S) == 0
    text = shown.decode()
    assert "  runs  x elsewhere: " in text
    assert "runs ended: 3 done\r" in text
    assert "\x1b[?25l" in text  # it was the live view
    assert raw_controls(_OF_THE_VIEW.sub("", text)) == []


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux raises this if no writer is left
        return b""
