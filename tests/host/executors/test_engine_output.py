"""Facts about the lines of an engine, however its stream is cut."""

from typing import Any

import pytest

from energy_score.host.executors.engine_output import LineFeed, dispatch


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_come_whole_wherever_the_stream_is_cut(size: int) -> None:
    lines: list[str] = []
    feed = LineFeed(lines.append)
    data = "eins\r\nzwei ö\n\nlast".encode()
    for start in range(0, len(data), size):
        feed.feed(data[start : start + size])
    feed.close()
    assert lines == ["eins", "zwei ö", "", "last"]


def test_a_replayed_stream_goes_on_where_it_broke_off() -> None:
    lines: list[str] = []
    feed = LineFeed(lines.append)
    feed.feed(b"one\ntw")
    feed.replayed_from_start()
    feed.feed(b"one")
    feed.feed(b"\ntwo\nthree\n")
    feed.replayed_from_start()
    feed.feed(b"one\ntwo\nthree\nfour\n")
    assert lines == ["one", "two", "three", "four"]


def test_events_are_told_from_what_a_library_printed() -> None:
    events: list[Any] = []
    lines: list[str] = []
    for line in ('{"event": "stage", "stage": "load"}', '{"no": "event"}', "[1]", "words", "  "):
        dispatch(line, events.append, lines.append)
    assert events == [{"event": "stage", "stage": "load"}]
    assert lines == ['{"no": "event"}', "[1]", "words"]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "stage"}',
        '{"event": "stage", "stage": 1}',
        '{"event": "run_finished", "outcome": "done"}',
        '{"event": "progress"}',
        '{"event": "progress", "phase": "full", "queries_done": "1", "queries_planned": 2}',
        '{"event": "progress", "phase": "full", "queries_done": true, "queries_planned": 2}',
        '{"event": "progress", "phase": "full", "queries_done": 1, "queries_planned": 1' + "0" * 400 + "}",
        '{"event": "progress", "phase": "full", "queries_done": 1, "queries_planned": 2, "gpu_energy_j": NaN}',
        '{"event": "progress", "phase": "full", "queries_done": 1, "queries_planned": 2, "gpu_power_w": "1"}',
        "[" * 100_000,
    ],
)
def test_what_only_looks_like_an_event_is_a_line_of_the_log(line: str) -> None:
    events: list[Any] = []
    lines: list[str] = []
    dispatch(line, events.append, lines.append)
    assert (events, lines) == ([], [line])


def test_a_line_that_never_ends_is_cut() -> None:
    lines: list[str] = []
    feed = LineFeed(lines.append)
    for _ in range(3):
        feed.feed(b"x" * 2**20)
    assert [len(line) for line in lines] == [2 * 2**20]
