"""Execute a run with retries; each earlier attempt is moved to ``aside/``."""

import time
from collections.abc import Callable
from contextlib import suppress

from energy_score.contract.errors import RecordError
from energy_score.host.batch.attempt import Attempt
from energy_score.host.batch.causes import get_retry_reason
from energy_score.host.batch.plan import ResolvedRun

# What ended the first attempt (a restarting engine, another user's job) needs a moment to go away.
_PAUSE_S = 2.0


def attempt_with_retries(
    attempt: Attempt,
    planned: ResolvedRun,
    *,
    gpu_uuids: tuple[str, ...] | None,
    retries: int,
    may_go_on: Callable[[], bool],
) -> None:
    """Execute the run, and up to ``retries`` times again if its failure came from outside."""
    for number in range(1, retries + 2):
        attempt.progress.run_started(planned, gpu_uuids=gpu_uuids, number=number)
        attempt.run(planned, gpu_uuids=gpu_uuids, number=number)
        reason = _reason(attempt, planned)
        if reason is None or number > retries or not may_go_on():
            return
        attempt.progress.note(f"{planned.label}: attempt {number} failed: {reason}. Retrying.")
        time.sleep(_PAUSE_S)


def _reason(attempt: Attempt, planned: ResolvedRun) -> str | None:
    directory = attempt.ledger.directory(planned.name)
    with suppress(RecordError):
        if directory.failure_file.exists() and not directory.report_file.exists():
            return get_retry_reason(directory.failure())
    return None
