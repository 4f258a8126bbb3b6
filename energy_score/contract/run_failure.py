"""Why a run gave no result."""

from datetime import datetime
from typing import Literal

from energy_score.contract.record import Record

Stage = Literal["resolve", "start", "data", "load", "render", "warmup", "measure", "report", "interrupted", "unknown"]


class RunFailure(Record):
    """A run that ended without a report.

    ``exit_code`` is that of the engine process, negative for the number of the signal that ended it, None where no
    process was started. ``message`` is one sentence for the CSV; ``log_tail`` the last lines of the run's log.
    """

    schema_version: Literal[1] = 1
    run_id: str
    spec_identity: str | None
    stage: Stage
    exit_code: int | None
    message: str
    failed_at: datetime
    log_tail: str = ""
