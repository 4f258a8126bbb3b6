"""Facts about how a run is stopped."""

import os
import signal
from collections.abc import Callable

import pytest

from energy_score.contract.errors import QueryError
from energy_score.engine.stopping import StopRequest


def query(stop: StopRequest, *steps: Callable[[], object]) -> int:
    """How many of the steps of one query were done before the run ended."""
    done = 0
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117, PT012 - the query is what is looked at
        with stop.query():
            for step in steps:
                step()
                done += 1
    return done


def fail() -> None:
    raise QueryError("no")


def test_between_queries_a_request_ends_the_run_at_once() -> None:
    stop = StopRequest()
    with stop.query():
        pass
    with pytest.raises(KeyboardInterrupt):
        stop.ask()


def test_a_query_under_way_is_finished_first_also_one_that_fails() -> None:
    stop = StopRequest()
    assert query(stop, stop.ask, int, int) == 3
    stop = StopRequest()
    assert query(stop, stop.ask, fail) == 1


def test_a_second_request_leaves_the_query() -> None:
    stop = StopRequest()
    assert query(stop, stop.ask, stop.ask, int) == 1


def test_no_query_begins_once_the_run_was_asked_even_if_a_library_swallowed_that() -> None:
    stop = StopRequest()
    with pytest.raises(KeyboardInterrupt):
        stop.ask()
    assert stop.asked
    assert query(stop, int) == 0


def test_sigterm_asks() -> None:
    stop, before = StopRequest(), signal.getsignal(signal.SIGTERM)
    try:
        stop.listen()
        assert query(stop, lambda: os.kill(os.getpid(), signal.SIGTERM), int) == 2
    finally:
        signal.signal(signal.SIGTERM, before)
