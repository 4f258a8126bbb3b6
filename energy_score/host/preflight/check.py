"""One finding about this machine, and how to collect findings in parallel within a time limit."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Literal, NamedTuple

from energy_score.contract.log_line import safe_line

Status = Literal["ok", "warning", "missing"]
Probe = Callable[[], list["Check"]]


class Check(NamedTuple):
    """What was found, and what to do about it; ``remedy`` is empty if there is nothing to do."""

    name: str
    status: Status
    found: str
    remedy: str


def gather(probes: Mapping[str, Probe], *, limit_s: float) -> Iterator[Check]:
    """Yield the findings of all probes in order; a probe without an answer after ``limit_s`` gets a warning.

    The probes run in threads that block neither each other nor the end of the program. Texts are made safe to print,
    because a server's answer can contain anything.
    """
    started = {name: _start(probe) for name, probe in probes.items()}
    end_s = time.monotonic() + limit_s
    for name, answer in started.items():
        try:
            findings = answer.result(timeout=max(0.0, end_s - time.monotonic()))
        except TimeoutError:
            silent = f"no answer within {limit_s:g} s"
            findings = [Check(name, "warning", silent, "this check hangs: look into it before a long batch")]
        for finding in findings:
            yield finding._replace(found=safe_line(finding.found), remedy=safe_line(finding.remedy))


def _start(probe: Probe) -> Future[list[Check]]:
    answer: Future[list[Check]] = Future()

    def answer_it() -> None:
        try:
            answer.set_result(probe())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            answer.set_exception(error)

    threading.Thread(target=answer_it, daemon=True).start()
    return answer
