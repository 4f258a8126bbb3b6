"""Facts about the console's log and a run's log."""

import errno
import io
import logging
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from debug_logger import RunLog, configure_console

IN_FORMAT = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] [A-Z]+: .*")
FORGED = "[2025-11-17 03:15:00] INFO: done: rateable=True"


@pytest.fixture
def console() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    level = logging.getLogger().level
    handler = configure_console("INFO", stream=stream)
    yield stream
    logging.getLogger().removeHandler(handler)
    logging.getLogger().setLevel(level)


@pytest.fixture
def run_log(tmp_path: Path) -> Iterator[RunLog]:
    with RunLog(tmp_path, "org_m_On_20251117_031500") as opened:
        yield opened


def fail_writes(monkeypatch: pytest.MonkeyPatch, *, allowed_bytes: int = 0) -> None:
    """From now on a write takes ``allowed_bytes`` once, and then the disk is full."""
    real_write, left_bytes = os.write, [allowed_bytes]

    def write(descriptor: int, data: bytes) -> int:
        if not left_bytes[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, left_bytes[0] = left_bytes[0], 0
        return real_write(descriptor, data[:taken])

    monkeypatch.setattr("debug_logger.os.write", write)


def log_error(message: str, cause: str) -> None:
    error = ValueError(cause)
    logging.getLogger("x").error(message, exc_info=error)


def test_a_message_is_one_line_in_the_documented_format(console: io.StringIO) -> None:
    logging.getLogger("x").warning("model=%s loaded", "org/m")
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] WARNING: model=org/m loaded\n", console.getvalue())


def test_the_console_is_set_up_once_however_often_it_is_asked_for(console: io.StringIO) -> None:
    handler = configure_console("INFO", stream=console)
    logging.getLogger("x").info("once")
    assert console.getvalue().count("once") == 1
    logging.getLogger().removeHandler(handler)


def test_a_message_cannot_forge_a_line_of_the_console(console: io.StringIO) -> None:
    logging.getLogger("x").info("model=%s", f"m\n{FORGED}\r\n{FORGED}\x1b[2K\u2028{FORGED}")
    assert len(console.getvalue().splitlines()) == 1
    assert "\x1b" not in console.getvalue()


def test_a_traceback_is_indented_so_that_none_of_its_lines_looks_like_a_record(console: io.StringIO) -> None:
    log_error("failed", f"bad\n{FORGED}")
    first, *others = console.getvalue().splitlines()
    assert IN_FORMAT.fullmatch(first)
    assert any("ValueError: bad" in line for line in others)
    assert all(line.startswith("    ") for line in others)


def test_a_token_reaches_neither_the_message_nor_the_traceback(
    console: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-no-known-form")
    token = "hf_" + "a1B2" * 9
    log_error(f"token={token} env=a-secret-of-no-known-form HF_TOKEN=zzz", f"401 for {token}")
    assert token not in console.getvalue()
    assert "a-secret" not in console.getvalue()
    assert "zzz" not in console.getvalue()
    assert "hf_***" in console.getvalue()


def test_a_name_that_begins_like_a_token_stays_readable(console: io.StringIO) -> None:
    logging.getLogger("x").info("hf_hub_download took 2 s")
    assert "hf_hub_download took 2 s" in console.getvalue()


def test_the_childs_lines_keep_their_time_and_others_get_one(run_log: RunLog) -> None:
    run_log.line("[2025-11-17 03:15:00] WARNING: from the child")
    run_log.line("some library says")
    run_log.line("the host says", level="ERROR")
    lines = run_log.path.read_text().splitlines()
    assert lines[0] == "[2025-11-17 03:15:00] WARNING: from the child"
    assert re.fullmatch(r"\[[-0-9: ]{19}\] INFO: some library says", lines[1])
    assert lines[2].endswith("] ERROR: the host says")
    assert run_log.tail == tuple(lines)


def test_an_opened_log_is_appended_to(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with RunLog(tmp_path, "run") as run_log:
            run_log.line(text)
    assert [line[-6:].strip() for line in (tmp_path / "logs" / "run.log").read_text().splitlines()] == [
        "first",
        "second",
    ]


def test_the_tail_holds_the_last_40_lines(run_log: RunLog) -> None:
    for number in range(100):
        run_log.line(f"line {number}")
    assert len(run_log.tail) == 40
    assert run_log.tail[0].endswith("line 60")


def test_an_endless_line_is_cut(run_log: RunLog) -> None:
    run_log.line("x" * 1_000_000)
    assert run_log.path.stat().st_size < 10_000
    assert run_log.tail[-1].endswith("[992000 characters cut]")


@pytest.mark.parametrize("run_id", ["../../x", "/etc/x", "a\nb", "..", "\x1b[31mred", "x y"])
def test_a_run_id_never_leads_out_of_the_log_directory(tmp_path: Path, run_id: str) -> None:
    with RunLog(tmp_path, run_id) as run_log:
        run_log.line("here")
    assert run_log.path.parent == tmp_path / "logs"
    assert [path.name for path in (tmp_path / "logs").iterdir()] == [run_log.path.name]


def test_a_full_disk_costs_lines_and_is_told_when_there_is_room_again(
    run_log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_log.line("before")
    with monkeypatch.context() as full:
        fail_writes(full)
        run_log.line("lost 1")
        run_log.line("lost 2")
    run_log.line("after")
    texts = [line.split(": ", 1)[1] for line in run_log.path.read_text().splitlines()]
    assert texts == ["before", "2 lines of this log were lost because it could not be written", "after"]
    assert run_log.lost_line_count == 2
    assert [line.split(": ", 1)[1] for line in run_log.tail] == ["before", "lost 1", "lost 2", "after"]


def test_a_line_cut_by_a_full_disk_does_not_run_into_the_next(run_log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        fail_writes(full, allowed_bytes=30)
        run_log.line("a line that is cut")
    run_log.line("after")
    lines = run_log.path.read_text().splitlines()
    assert len(lines[0]) == 30
    assert [line.split(": ", 1)[1] for line in lines[1:]] == [
        "1 lines of this log were lost because it could not be written",
        "after",
    ]


def test_a_log_that_cannot_be_opened_never_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the directory should be")
    with RunLog(tmp_path, "run") as run_log:
        run_log.line("nowhere to go")
    assert run_log.lost_line_count == 1
    assert len(run_log.tail) == 1


def test_a_closed_log_loses_lines_and_stays_closed(run_log: RunLog) -> None:
    run_log.line("written")
    run_log.close()
    run_log.close()
    run_log.line("too late")
    assert run_log.lost_line_count == 1
    assert len(run_log.path.read_text().splitlines()) == 1


def test_lines_of_several_threads_stay_whole(run_log: RunLog) -> None:
    def write(name: str) -> None:
        for number in range(200):
            run_log.line(f"{name * 50} {number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = run_log.path.read_text().splitlines()
    assert len(lines) == 800
    assert all(re.search(r": (a{50}|b{50}|c{50}|d{50}) \d+$", line) for line in lines)


def test_a_log_that_is_full_goes_on_in_a_new_file_and_says_what_is_gone(tmp_path: Path) -> None:
    with RunLog(tmp_path, "run", max_bytes=2000) as run_log:
        for number in range(100):
            run_log.line(f"line {number:03d} {'x' * 60}")
    first, *rest = run_log.path.read_text().splitlines()
    earlier = run_log.path.with_name("run.log.1")
    assert "WARNING: this log continues run.log.1; 19" in first
    assert first.endswith("earlier bytes were dropped")
    numbers = [int(line.split("line ")[1][:3]) for line in (*earlier.read_text().splitlines()[1:], *rest)]
    assert numbers == list(range(numbers[0], 100))
    assert run_log.lost_line_count == 0
    assert all(path.stat().st_size <= 2000 for path in (earlier, run_log.path))
    assert sorted(path.name for path in run_log.path.parent.iterdir()) == ["run.log", "run.log.1"]


def test_a_log_below_its_limit_is_one_file(tmp_path: Path) -> None:
    with RunLog(tmp_path, "run") as run_log:
        run_log.line("a line")
    assert [path.name for path in run_log.path.parent.iterdir()] == ["run.log"]
