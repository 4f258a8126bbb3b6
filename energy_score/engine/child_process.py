"""Programs from other environments that the engine starts in its own process group: their variables, and their end."""

import contextlib
import os
import signal
import subprocess

from energy_score.shared.gpu.compute_processes import with_descendants


def make_child_environment() -> dict[str, str]:
    """Return this process's environment without its own module path, because the program has its own packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def stop_process_tree(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """Ask the program to exit, then kill what is left of it."""
    tree = with_descendants({process.pid})
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace_s)
    # Processes started meanwhile, and those whose parent has exited.
    for process_id in with_descendants({process.pid}) | tree:
        if process_id != process.pid and _is_of_this_group(process_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
    process.kill()
    process.wait()


def _is_of_this_group(process_id: int) -> bool:
    """Return whether the id is still the program's process (ids are reused): all of its processes are in this group."""
    try:
        return os.getpgid(process_id) == os.getpgrp()
    except ProcessLookupError:
        return False
