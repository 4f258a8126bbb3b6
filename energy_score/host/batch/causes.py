"""Which failures another attempt may mend: those that came from outside of the run, and no others."""

from energy_score.contract.run_failure import Cause, RunFailure
from energy_score.host.executors.executor import Execution

# A wrong order (a model that does not load, a spec that cannot be met) fails again, and so does a run that is too slow
# for its timeout: a second one costs the same hours and most often ends the same.
_WORTH_A_RETRY: dict[Cause, str] = {
    "engine_lost": "its container engine went away",
    "killed": "a signal from outside ended it",
    "shared_gpu_out_of_memory": "memory ran out on a GPU that it did not have for itself",
}
# What the backends say, whatever else stands around it (engine/backends/pytorch/memory.py).
_OUT_OF_GPU_MEMORY = "out of GPU memory"


def worth_a_retry(failure: RunFailure) -> str | None:
    """Why another attempt of the same order is worth it; None where it is not."""
    return None if failure.cause is None else _WORTH_A_RETRY.get(failure.cause)


def cause_of(execution: Execution, recorded: RunFailure | None) -> Cause | None:
    """Why the run ended without a result; ``recorded`` is what its engine wrote of that, if it could.

    SIGKILL may have come from a kernel that ran out of memory; that the cause is then told as ``killed`` is an error on
    the side of trying again, at most as often as was asked for.
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
