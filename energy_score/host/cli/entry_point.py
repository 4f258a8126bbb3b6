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


def main(arguments: Sequence[str]) -> list[str] | None:
    """Become the engine, or print the version and return None, or return the command line that runs one model."""
    if any(argument == "--spec" or argument.startswith("--spec=") for argument in arguments):
        os.execv(sys.executable, [sys.executable, "-m", "energy_score.engine", *arguments])  # noqa: S606 - no shell
    if "--version" in arguments:
        sys.stdout.write(f"{version_line()}\n")
        return None
    signal.signal(signal.SIGTERM, _end)  # which the first process of a container ignores otherwise
    os.environ["RESULTS_DIR"] = os.environ.get("RESULTS_DIR") or _RESULTS
    _have_a_home()
    return ["run", "--executor", "local", *arguments]


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
    command_line = main(sys.argv[1:])
    if command_line is not None:
        from batch_runner import main as run_command_line
        from energy_score.host.cli.commands.run_one import Defaults

        run_command_line(command_line, defaults=Defaults(query_count=None))
