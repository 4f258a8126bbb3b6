"""Which failures to retry: only those with a cause outside of the run."""

from energy_score.contract.run_failure import Cause, RunFailure
from energy_score.host.executors.executor import Execution

# Configuration errors (a model that does not load, a spec that cannot be met) fail again. So do runs that exceed
# their timeout: a second attempt costs the same hours and usually ends the same.
_WORTH_A_RETRY: dict[Cause, str] = {
    "engine_lost": "its container engine went away",
    "killed": "it was ended by a signal",
    "shared_gpu_out_of_memory": "memory ran out on a GPU that another process was using",
}
# The backends' message, with any context (engine/backends/pytorch/memory.py).
_OUT_OF_GPU_MEMORY = "out of GPU memory"


def get_retry_reason(failure: RunFailure) -> str | None:
    """Return why another attempt at the same run is worthwhile, or None if it is not."""
    return None if failure.cause is None else _WORTH_A_RETRY.get(failure.cause)


def find_cause(execution: Execution, recorded: RunFailure | None) -> Cause | None:
    """Return why the run ended without a result; ``recorded`` is its engine's own failure record, if any.

    SIGKILL can come from a kernel that ran out of memory. Reporting it as ``killed`` errs on the side of
    retrying, at most as often as requested.
    """
    seen_by_the_host: dict[Cause, bool] = {
        "interrupted": execution.interrupted,
        "timed_out": execution.timed_out,
        "engine_lost": execution.engine_lost,
        "out_of_memory": execution.out_of_memory,
    }
    for cause, is_so in seen_by_the_host.items():
        if is_so:
            return cause
    if recorded is not None:
        if _OUT_OF_GPU_MEMORY not in recorded.message:
            return recorded.cause
        return "shared_gpu_out_of_memory" if execution.gpu_was_shared else "out_of_memory"
    return "killed" if execution.exit_code is not None and execution.exit_code < 0 else None
