"""Facts about the lines of an engine, however its stream is cut."""

from typing import Any

import pytest

from energy_score.executors.engine_output import LineFeed, dispatch


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
