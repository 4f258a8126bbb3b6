"""Facts about how findings are gathered."""

import threading
import time

import pytest

from energy_score.host.preflight.check import Check, gather


def test_findings_come_in_the_order_of_the_probes_whatever_answers_first() -> None:
    first_may_answer = threading.Event()

    def first() -> list[Check]:
        first_may_answer.wait(5)
        return [Check("first", "ok", "", "")]

    def second() -> list[Check]:
        first_may_answer.set()
        return [Check("second", "ok", "", ""), Check("third", "ok", "", "")]

    found = gather({"first": first, "second": second}, limit_s=5)
    assert [check.name for check in found] == ["first", "second", "third"]


def test_silent_probes_cost_the_time_limit_once_and_are_named() -> None:
    never = threading.Event()

    def silent() -> list[Check]:
        never.wait(10)
        return []

    start_s = time.monotonic()
    found = list(gather({"a": silent, "b": silent, "c": lambda: [Check("c", "ok", "", "")]}, limit_s=0.2))
    never.set()
    assert time.monotonic() - start_s < 1
    assert [(check.name, check.status) for check in found] == [("a", "warning"), ("b", "warning"), ("c", "ok")]
    assert found[0].found == "no answer within 0.2 s"


def test_what_a_server_says_is_safe_to_print() -> None:
    said = [Check("x", "ok", "m\n\x1b[31mred hf_" + "a1B2" * 9, "do\nit")]
    (check,) = gather({"x": lambda: said}, limit_s=5)
    assert check == Check("x", "ok", "m red hf_***", "do it")


def test_a_fault_of_a_probe_is_not_hidden() -> None:
    def broken() -> list[Check]:
        raise KeyError("a fault of the program")

    with pytest.raises(KeyError):
        list(gather({"x": broken}, limit_s=5))
