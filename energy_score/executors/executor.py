"""What every executor offers: carry out one spec somewhere, and say how the process ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import Backend, RunSpec


@dataclass(frozen=True)
class Execution:
    """How the engine's process ended. ``exit_code`` is negative for the number of the signal that ended it.

    The truth of the run is what lies in its directory; this only explains a missing report.
    """

    exit_code: int
    timed_out: bool = False


class Executor(Protocol):
    """Runs engines, one at a time."""

    @property
    def image(self) -> str | None:
        """The digest of the container image that runs happen in, known after ``check``; None where there is none."""

    def check(self, *, backend: Backend) -> None:
        """Return if a run of ``backend`` can be started.

        Raises:
            EnvironmentNotReadyError: something is missing; the message says what and how to get it.
        """

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: Callable[[Mapping[str, Any]], None],
        on_log_line: Callable[[str], None],
    ) -> Execution:
        """Carry out ``spec``, which lies in ``directory``, and wait for its end; nothing of it is left running.

        ``on_event`` gets the engine's events and ``on_log_line`` its log, each from a thread of its own.
        """
