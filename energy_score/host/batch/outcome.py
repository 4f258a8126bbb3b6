"""Why an engine process left no report, in words for the results table."""

import signal
from contextlib import suppress

from energy_score.host.executors.executor import Execution


def explain(execution: Execution, *, timeout_s: float, log_tail: str) -> str:
    """The message for a run whose engine ended without a report or a failure record of its own."""
    if execution.timed_out:
        return f"timed out after {timeout_s:g} s; raise --timeout if the run is sound"
    if execution.engine_lost:
        return "the container engine stopped during the run and took its container with it; run the batch again"
    if execution.out_of_memory:
        return "out of memory: the kernel killed the container; raise --memory, or use a machine with more"
    if execution.exit_code is not None and execution.exit_code < 0:
        return f"killed by {_signal_name(-execution.exit_code)}"
    last_line = log_tail.strip().splitlines()[-1] if log_tail.strip() else "its log is empty"
    return f"the engine ended with exit code {execution.exit_code} and no report; its last words: {last_line}"


def _signal_name(number: int) -> str:
    name = f"signal {number}"
    with suppress(ValueError):
        name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"{name}: by hand, or by the system when memory ran out"
    return name
