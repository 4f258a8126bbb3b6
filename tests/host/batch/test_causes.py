"""Facts about which failures are tried again."""

import pytest

from energy_score.contract.run_failure import Cause
from energy_score.host.batch.causes import find_cause, get_retry_reason
from energy_score.host.executors.executor import Execution
from tests.support.record_factory import make_failure

OUT_OF_MEMORY = make_failure(message="org/m: out of GPU memory: 79000 of 81559 MiB in use, peak of this run 9 MiB")


@pytest.mark.parametrize(
    ("execution", "recorded", "cause", "is_retried"),
    [
        (Execution(exit_code=-9), None, "killed", True),
        (Execution(exit_code=None, engine_lost=True), None, "engine_lost", True),
        (Execution(exit_code=1, gpu_was_shared=True), OUT_OF_MEMORY, "shared_gpu_out_of_memory", True),
        (Execution(exit_code=1, gpu_was_shared=False), OUT_OF_MEMORY, "out_of_memory", False),
        (Execution(exit_code=1), OUT_OF_MEMORY, "out_of_memory", False),
        (Execution(exit_code=-9, out_of_memory=True), None, "out_of_memory", False),
        (Execution(exit_code=-15, timed_out=True), None, "timed_out", False),
        (Execution(exit_code=130, interrupted=True), make_failure(stage="interrupted"), "interrupted", False),
        (Execution(exit_code=1), make_failure(message="org/m: cannot be loaded: no such file"), None, False),
        (Execution(exit_code=1, gpu_was_shared=True), make_failure(message="no such file"), None, False),
        (Execution(exit_code=1), None, None, False),
    ],
)
def test_only_what_came_from_outside_is_tried_again(
    execution: Execution, recorded: object, cause: Cause | None, *, is_retried: bool
) -> None:
    found = find_cause(execution, recorded)  # type: ignore[arg-type]
    assert found == cause
    assert (get_retry_reason(make_failure(cause=found)) is not None) is is_retried
