"""A program of another environment that the engine starts in its own process group: its variables, and its end."""

import contextlib
import os
import signal
import subprocess

from energy_score.shared.gpu.compute_processes import with_descendants


def environment_of_its_own() -> dict[str, str]:
    """This process's environment without the module path that it needs itself: the program's packages are its own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def end_with_all_it_started(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """Ask the program to end, then end whatever is left of it."""
    tree = with_descendants({process.pid})
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    # Those that it started meanwhile, and those that lost their parent by its end.
    for process_id in with_descendants({process.pid}) | tree:
        if process_id != process.pid and _is_of_this_group(process_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
    process.kill()
    process.wait()


def _is_of_this_group(process_id: int) -> bool:
    """Whether the id is still a process of the program's: all of them are of this group, and ids are used again."""
    try:
        return os.getpgid(process_id) == os.getpgrp()
    except ProcessLookupError:
        return False
