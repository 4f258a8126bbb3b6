"""Facts about how findings are gathered."""

import threading
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from energy_score.host.preflight import check
from energy_score.host.preflight.check import Check, gather
from tests.support.patience import PATIENCE_S


def test_findings_come_in_the_order_of_the_probes_whatever_answers_first() -> None:
    first_may_answer = threading.Event()

    def first() -> list[Check]:
        first_may_answer.wait(PATIENCE_S)
        return [Check("first", "ok", "", "")]

    def second() -> list[Check]:
        first_may_answer.set()
        return [Check("second", "ok", "", ""), Check("third", "ok", "", "")]

    found = gather({"first": first, "second": second}, limit_s=PATIENCE_S)
    assert [one.name for one in found] == ["first", "second", "third"]


def test_silent_probes_cost_the_time_limit_once_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    never, waits_s = threading.Event(), []
    now_s = 100.0

    class Answer(Future[list[Check]]):
        """Takes as long as it is waited for, where the probe is silent."""

        def result(self, timeout: float | None = None) -> list[Check]:
            nonlocal now_s
            waits_s.append(timeout)
            if len(waits_s) == 3:
                return super().result(PATIENCE_S)
            now_s += timeout or 0
            return super().result(0)

    def silent() -> list[Check]:
        never.wait(PATIENCE_S)
        return []

    monkeypatch.setattr(check, "Future", Answer)
    monkeypatch.setattr(check, "time", SimpleNamespace(monotonic=lambda: now_s))
    found = list(gather({"a": silent, "b": silent, "c": lambda: [Check("c", "ok", "", "")]}, limit_s=0.2))
    never.set()
    assert waits_s == [pytest.approx(0.2), 0, 0]
    assert [(one.name, one.status) for one in found] == [("a", "warning"), ("b", "warning"), ("c", "ok")]
    assert found[0].found == "no answer within 0.2 s"


def test_what_a_server_says_is_safe_to_print() -> None:
    said = [Check("x", "ok", "m\n\x1b[31mred hf_" + "a1B2" * 9, "do\nit")]
    (one,) = gather({"x": lambda: said}, limit_s=PATIENCE_S)
    assert one == Check("x", "ok", "m red hf_***", "do it")


def test_a_fault_of_a_probe_is_not_hidden() -> None:
    def broken() -> list[Check]:
        raise KeyError("a fault of the program")

    with pytest.raises(KeyError):
        list(gather({"x": broken}, limit_s=PATIENCE_S))
