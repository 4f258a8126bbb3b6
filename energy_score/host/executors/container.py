"""One container, from its creation to its removal, even if its container engine restarts."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.host.executors.container_settings import ContainerSettings
from energy_score.host.executors.container_stream import ENGINE_FAULTS, ContainerStream
from energy_score.host.executors.executor import QUERY_GRACE_S, Execution

log = logging.getLogger(__name__)

_GRACE_S = 15
# A container engine that is upgraded or restarted is back within this time.
_ENGINE_RETURNS_S = 120.0
_ENGINE_RETRY_S = 0.5
# Exit code of a container's process ended by a signal: this plus the signal's number.
_SIGNAL_BASE = 128
_SIGNAL_MAX = 64


class Container:
    """The container called ``name``; names are unique."""

    def __init__(self, api: APIClient, *, name: str, stream: ContainerStream) -> None:
        self._api = api
        self._name = name
        self._stream = stream
        self._id = ""

    @contextlib.contextmanager
    def created(
        self, image: str, settings: ContainerSettings, *, labels: Mapping[str, str], user: str
    ) -> Iterator[None]:
        """Create the container, and remove it when the context closes, whatever happened.

        Raises:
            EnvironmentNotReadyError: The container engine refuses to create it, or does not answer.
        """
        try:
            with _explain_refusal("made"):
                self._id = self._api.create_container(
                    image,
                    settings.command,
                    name=self._name,
                    user=user,
                    labels=dict(labels),
                    environment=settings.environment,
                    host_config=self._api.create_host_config(**settings.host_config),
                    stdin_open=True,  # and attached to only once: its input closes with this process
                )["Id"]
            yield
        finally:
            remove(self._api, self._name)

    def run(self, timeout_s: float, *, stopping: threading.Event | None = None) -> Execution:
        """Start the container and wait for its end; it is stopped after ``timeout_s``, or on an interrupt.

        If ``stopping`` is set by the time it has started, it is asked to stop.

        Raises:
            EnvironmentNotReadyError: It cannot be started.
        """
        deadline_s = time.monotonic() + timeout_s
        with _explain_refusal("started"):
            self._stream.attach(self._api, self._name)
            self._api.start(self._name)
        try:
            if stopping is not None and stopping.is_set():
                self.signal("SIGTERM")
            return self._follow_to_end(deadline_s)
        except BaseException:
            self._stop(int(QUERY_GRACE_S))
            raise
        finally:
            self._stream.close()

    def signal(self, name: str) -> None:
        """Send a signal to the container; do nothing if it has ended, or its container engine does not answer."""
        with contextlib.suppress(*ENGINE_FAULTS):
            self._api.kill(self._name, signal=name)

    def holds(self, process_id: int) -> bool:
        """Return whether the process of this machine belongs to the container; raise OSError if that is unknown."""
        return bool(self._id) and self._id in Path(f"/proc/{process_id}/cgroup").read_text(encoding="ascii")

    def _follow_to_end(self, deadline_s: float) -> Execution:
        timed_out = engine_was_lost = False
        while True:
            try:
                if not timed_out:
                    self._api.wait(self._name, timeout=max(0.1, deadline_s - time.monotonic()))
                state = self._api.inspect_container(self._name)["State"]
                return _execution(state, timed_out=timed_out, engine_was_lost=engine_was_lost)
            except NotFound:  # removed by someone else, or forgotten by its container engine
                return Execution(exit_code=None, engine_lost=True)
            except ENGINE_FAULTS:
                if time.monotonic() >= deadline_s and not timed_out:
                    timed_out = True
                    self._stop()
                    continue
                engine_was_lost = True
                if not self._engine_returns():
                    return Execution(exit_code=None, timed_out=timed_out, engine_lost=True)
                with contextlib.suppress(*ENGINE_FAULTS):  # it may have ended meanwhile
                    self._stream.follow_log(self._api, self._name)

    def _engine_returns(self) -> bool:
        """Wait for the container engine, and return whether it answers again in time."""
        log.warning("the container engine does not answer; waiting up to %.0f s for it", _ENGINE_RETURNS_S)
        give_up_s = time.monotonic() + _ENGINE_RETURNS_S
        while time.monotonic() < give_up_s:
            with contextlib.suppress(*ENGINE_FAULTS):
                self._api.ping()
                return True
            time.sleep(_ENGINE_RETRY_S)
        return False

    def _stop(self, grace_s: int = _GRACE_S) -> None:
        """Ask the container to stop, and kill it after a grace period, or at once on a second interrupt."""
        with contextlib.suppress(KeyboardInterrupt, *ENGINE_FAULTS):
            self._api.stop(self._name, timeout=grace_s)


def remove(api: APIClient, container: str) -> None:
    """Remove the container, running or not; do nothing if it is already gone."""
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:  # noqa: PLR2004 - conflict: another removal is under way
            log.warning("could not remove a container: name=%s error=%s", container, error.explanation)
    except ENGINE_FAULTS:
        log.warning("could not remove a container, the next batch will: name=%s", container)


@contextlib.contextmanager
def _explain_refusal(done: str) -> Iterator[None]:
    """Turn the container engine's refusal into a message that says what to do."""
    try:
        yield
    except APIError as error:
        reason = str(error.explanation or error)
        hint = ""
        if "could not select device driver" in reason:
            hint = (
                ". The container engine has no GPU support: install the NVIDIA Container Toolkit (nvidia-ctk runtime "
                "configure) and restart the container engine, or run without containers: --executor local"
            )
        raise EnvironmentNotReadyError(f"container could not be {done}: {reason}{hint}") from error
    except ENGINE_FAULTS as error:
        raise EnvironmentNotReadyError(
            f"container could not be {done}: the container engine does not answer ({innermost(error)}). Start it and "
            "run the batch again, or run without containers: --executor local"
        ) from error


def innermost(error: BaseException) -> str:
    """Return the operating system's error, without what the SDK and its libraries put around it."""
    while True:
        inner = error.__cause__ or error.__context__ or next((a for a in error.args if isinstance(a, Exception)), None)
        if inner is None:
            return str(error) or type(error).__name__
        error = inner


def _execution(state: Mapping[str, Any], *, timed_out: bool, engine_was_lost: bool) -> Execution:
    code = int(state["ExitCode"])
    by_signal = _SIGNAL_BASE < code <= _SIGNAL_BASE + _SIGNAL_MAX
    # OOMKilled is also set if only a child process was killed and the container ended well.
    out_of_memory = bool(state["OOMKilled"]) and code != 0
    return Execution(
        exit_code=_SIGNAL_BASE - code if by_signal else code,
        timed_out=timed_out,
        out_of_memory=out_of_memory,
        engine_lost=engine_was_lost and by_signal and not out_of_memory,  # a returning engine stops what it finds
    )
