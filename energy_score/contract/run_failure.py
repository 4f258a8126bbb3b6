"""Why a run gave no result."""

from typing import Literal

from energy_score.contract.record import Moment, Record, SafeLine

# Why a run ended that did not end by itself, or whose own fault it may not be; None for everything else.
Cause = Literal["engine_lost", "killed", "out_of_memory", "shared_gpu_out_of_memory", "timed_out", "interrupted"]
Stage = Literal["resolve", "start", "data", "load", "render", "warmup", "measure", "report", "interrupted", "unknown"]


class RunFailure(Record):
    """A run that ended without a report.

    ``exit_code`` is that of the engine process, negative for the number of the signal that ended it, None where no
    process was started. ``message`` is one sentence for the CSV; ``log_tail`` the last lines of the run's log.
    ``cause`` is what decides whether another attempt is worth it.
    """

    schema_version: Literal[1] = 1
    run_id: str
    spec_identity: str | None
    stage: Stage
    exit_code: int | None
    message: SafeLine
    failed_at: Moment
    log_tail: str = ""
    cause: Cause | None = None
