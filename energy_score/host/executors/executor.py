"""The interface of executors: run a spec somewhere, and report how the process ended."""

from dataclasses import dataclass
from typing import Protocol

from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import RunSpec
from energy_score.host.executors.engine_output import OnEvent, OnLogLine

# An engine that is asked to stop finishes its current query, which can be a long answer of a large model. This is less
# than the default of systemd for stopping a service, 90 s.
QUERY_GRACE_S = 60.0


@dataclass(frozen=True)
class Execution:
    """How the engine's process ended: ``exit_code`` is negative for the number of the signal that ended it.

    ``out_of_memory``: the kernel killed it because memory ran out. ``engine_lost``: the container engine went away with
    its container; ``exit_code`` can then be None. The result of the run is defined by its directory; this only explains
    a missing report.

    ``interrupted``: it was asked to end with ``stop``. ``gpu_was_shared``: a foreign process was on its GPUs, or
    some of their memory was in use when it started; None if the host cannot see that.
    """

    exit_code: int | None
    timed_out: bool = False
    out_of_memory: bool = False
    engine_lost: bool = False
    interrupted: bool = False
    gpu_was_shared: bool | None = None


class Executor(Protocol):
    """Run engines; several runs use one thread each."""

    @property
    def name(self) -> str:
        """Return the executor's name on the command line."""

    @property
    def image(self) -> str | None:
        """Return the digest of the container image, which is known after ``check``; None without containers."""

    def check(self, *, backend: str) -> None:
        """Return if a run with ``backend`` can be started.

        Raises:
            EnvironmentNotReadyError: Something is missing; the message says what and how to get it.
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
        """Run ``spec``, which is in ``directory``, and wait for its end; nothing is left running.

        ``on_event`` gets the engine's events and ``on_log_line`` its log, from other threads. ``gpu_uuids`` are the
        GPUs leased for the run, which gets exactly those; None: as many visible ones as it asks for.

        Raises:
            KeyboardInterrupt: It was raised here (Ctrl-C); the engine could finish its current query first.
        """

    def stop(self, *, at_once: bool) -> None:
        """Ask every current engine to finish its query and end, or end it ``at_once``; then return.

        It can be called from any thread, and repeatedly; engines that start later are asked too.
        """
