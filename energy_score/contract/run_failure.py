"""Why a run has no result."""

from typing import Literal

from energy_score.contract.record import Moment, Record, SafeLine

# Causes from outside the run, or that may not be the run's own fault; None for everything else.
Cause = Literal["engine_lost", "killed", "out_of_memory", "shared_gpu_out_of_memory", "timed_out", "interrupted"]
Stage = Literal["resolve", "start", "data", "load", "render", "warmup", "measure", "report", "interrupted", "unknown"]


class RunFailure(Record):
    """A run that ended without a report.

    ``exit_code`` is that of the engine process: negative for the number of the signal that ended it, None if no
    process was started. ``message`` is one sentence for the CSV; ``log_tail`` has the last lines of the run's log.
    ``cause`` determines whether the run is retried.
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
