"""Explain in the results table why an engine process left no report."""

import signal
from contextlib import suppress

from energy_score.host.executors.executor import Execution


def explain(execution: Execution, *, timeout_s: float, log_tail: str) -> str:
    """Return the message for a run whose engine ended without a report or a failure record."""
    if execution.timed_out:
        return f"timed out after {timeout_s:g} s. If the run is expected to take longer, increase --timeout."
    if execution.engine_lost:
        return "the container engine stopped during the run and took its container with it. Run the batch again."
    if execution.out_of_memory:
        return "out of memory: the kernel killed the container. Increase --memory, or use a machine with more memory."
    if execution.exit_code is not None and execution.exit_code < 0:
        return f"killed by {_signal_name(-execution.exit_code)}"
    last_line = log_tail.strip().splitlines()[-1] if log_tail.strip() else "(the log is empty)"
    return f"the engine ended with exit code {execution.exit_code} and no report. Last log line: {last_line}"


def _signal_name(number: int) -> str:
    name = f"signal {number}"
    with suppress(ValueError):
        name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"{name}: sent by a user, or by the system when memory ran out"
    return name
