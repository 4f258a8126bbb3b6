"""What every executor offers: carry out one spec somewhere, and say how the process ended."""

from dataclasses import dataclass
from typing import Protocol

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.host.executors.engine_output import OnEvent, OnLogLine

# An engine that is asked to stop finishes its current query, which may be a long answer of a large model. That is less
# than what systemd leaves a service by default, 90 s.
QUERY_GRACE_S = 60.0


@dataclass(frozen=True)
class Execution:
    """How the engine's process ended: ``exit_code`` is negative for the number of the signal that ended it.

    ``out_of_memory``: the kernel ended it for memory. ``engine_lost``: the container engine went away and the container
    with it; ``exit_code`` may then be None. The truth of the run is what lies in its directory; this only explains a
    missing report.

    ``interrupted``: it was asked to end by ``stop``. ``gpu_was_shared``: a foreign process was seen on its GPUs, or
    their memory was not all free when it began; None where the host cannot see that.
    """

    exit_code: int | None
    timed_out: bool = False
    out_of_memory: bool = False
    engine_lost: bool = False
    interrupted: bool = False
    gpu_was_shared: bool | None = None


class Executor(Protocol):
    """Runs engines, each from a thread of its own where several are under way."""

    @property
    def name(self) -> str:
        """The executor's name on the command line."""

    @property
    def image(self) -> str | None:
        """The digest of the container image that runs happen in, known after ``check``; None where there is none."""

    def check(self, *, backend: str) -> None:
        """Return if a run of ``backend`` can be started.

        Raises:
            EnvironmentNotReadyError: something is missing; the message says what and how to get it.
        """

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        """Carry out ``spec``, which lies in ``directory``, and wait for its end; nothing of it is left running.

        ``on_event`` gets the engine's events and ``on_log_line`` its log, from other threads. ``gpu_uuids`` are the
        GPUs that were leased for the run, which gets exactly those; None: as many visible ones as it asks for.

        Raises:
            KeyboardInterrupt: where that was raised here (Ctrl-C); the engine was then let finish its current query.
        """

    def stop(self, *, at_once: bool) -> None:
        """Ask every engine under way to finish its current query and end, or end it ``at_once``; then return.

        It may be called from any thread, and again; engines that start later are asked as well.
        """
