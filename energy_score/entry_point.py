"""What the image starts: one model by ``key=value`` arguments, or the engine where a batch runner passes ``--spec``."""

import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from types import FrameType

from energy_score import version_line
from energy_score.contract.errors import ExitCode

_RESULTS = "/results"


def main(arguments: Sequence[str]) -> None:
    """Become the engine, print the version, or run one model in this container; ends the process."""
    if any(argument == "--spec" or argument.startswith("--spec=") for argument in arguments):
        os.execv(sys.executable, [sys.executable, "-m", "energy_score.engine", *arguments])  # noqa: S606 - no shell
    if "--version" in arguments:
        sys.stdout.write(f"{version_line()}\n")
        return
    signal.signal(signal.SIGTERM, _end)  # which the first process of a container ignores otherwise
    os.environ["RESULTS_DIR"] = os.environ.get("RESULTS_DIR") or _RESULTS
    _have_a_home()
    from batch_runner import main as run_command_line  # noqa: PLC0415 - the engine and --version do without it
    from energy_score.commands.run_one import Defaults  # noqa: PLC0415

    run_command_line(["run", "--executor", "local", *arguments], defaults=Defaults(query_count=None))


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(ExitCode.INTERRUPTED)


def _have_a_home() -> None:
    """A user without a home, and a root that cannot be written, leave the results directory as the place for both."""
    results = os.environ["RESULTS_DIR"]
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError:
        os.environ["TMPDIR"] = tempfile.tempdir = folder = results
    os.environ.setdefault("HOME", folder)


if __name__ == "__main__":
    main(sys.argv[1:])
