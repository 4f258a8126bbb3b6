"""One container, from its creation to its removal, through the loss of its engine if need be."""

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
# An engine that is upgraded or restarted is back within this time.
_ENGINE_RETURNS_S = 120.0
_ENGINE_RETRY_S = 0.5
# A process that a signal ended has this and the signal's number as its exit code in a container.
_SIGNAL_BASE = 128
_SIGNAL_MAX = 64


class Container:
    """The container called ``name``, which no other one is called."""

    def __init__(self, api: APIClient, *, name: str, stream: ContainerStream) -> None:
        self._api = api
        self._name = name
        self._stream = stream
        self._id = ""

    @contextlib.contextmanager
    def created(
        self, image: str, settings: ContainerSettings, *, labels: Mapping[str, str], user: str
    ) -> Iterator[None]:
        """The container exists while the context is open, and is gone afterwards whatever happened.

        Raises:
            EnvironmentNotReadyError: the engine refuses to make it, or is not there.
        """
        try:
            with _explained("made"):
                self._id = self._api.create_container(
                    image,
                    settings.command,
                    name=self._name,
                    user=user,
                    labels=dict(labels),
                    environment=settings.environment,
                    host_config=self._api.create_host_config(**settings.host_config),
                    stdin_open=True,  # and attached to once: its input ends with this process
                )["Id"]
            yield
        finally:
            remove(self._api, self._name)

    def run(self, timeout_s: float, *, stopping: threading.Event | None = None) -> Execution:
        """Start the container and wait for its end; it is stopped after ``timeout_s``, or on an interrupt.

        Where ``stopping`` is set by the time it has started, it is asked to end.

        Raises:
            EnvironmentNotReadyError: it cannot be started.
        """
        deadline_s = time.monotonic() + timeout_s
        with _explained("started"):
            self._stream.attach(self._api, self._name)
            self._api.start(self._name)
        try:
            if stopping is not None and stopping.is_set():
                self.signal("SIGTERM")
            return self._followed(deadline_s)
        except BaseException:
            self._stop(int(QUERY_GRACE_S))
            raise
        finally:
            self._stream.close()

    def signal(self, name: str) -> None:
        """Send a signal to what runs in it; nothing where it has ended, or its engine does not answer."""
        with contextlib.suppress(*ENGINE_FAULTS):
            self._api.kill(self._name, signal=name)

    def holds(self, process_id: int) -> bool:
        """Whether the process of this machine is one of the container's; OSError where it cannot be told."""
        return bool(self._id) and self._id in Path(f"/proc/{process_id}/cgroup").read_text(encoding="ascii")

    def _followed(self, deadline_s: float) -> Execution:
        timed_out = engine_was_lost = False
        while True:
            try:
                if not timed_out:
                    self._api.wait(self._name, timeout=max(0.1, deadline_s - time.monotonic()))
                state = self._api.inspect_container(self._name)["State"]
                return _execution(state, timed_out=timed_out, engine_was_lost=engine_was_lost)
            except NotFound:  # removed by a hand that is not ours, or forgotten by its engine
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
        """Whether the engine answers again before long."""
        log.warning("the container engine does not answer; waiting up to %.0f s for it", _ENGINE_RETURNS_S)
        give_up_s = time.monotonic() + _ENGINE_RETURNS_S
        while time.monotonic() < give_up_s:
            with contextlib.suppress(*ENGINE_FAULTS):
                self._api.ping()
                return True
            time.sleep(_ENGINE_RETRY_S)
        return False

    def _stop(self, grace_s: int = _GRACE_S) -> None:
        """Ask the container to end, and have it killed after a grace time, or at once on a second interrupt."""
        with contextlib.suppress(KeyboardInterrupt, *ENGINE_FAULTS):
            self._api.stop(self._name, timeout=grace_s)


def remove(api: APIClient, container: str) -> None:
    """Remove the container, running or not; one that is gone already is fine."""
    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        if error.status_code != 409:  # noqa: PLR2004 - conflict: another removal is under way
            log.warning("a container could not be removed: name=%s error=%s", container, error.explanation)
    except ENGINE_FAULTS:
        log.warning("a container could not be removed, the next batch does it: name=%s", container)


@contextlib.contextmanager
def _explained(done: str) -> Iterator[None]:
    """The engine's refusal in words that say what to do."""
    try:
        yield
    except APIError as error:
        reason = str(error.explanation or error)
        hint = ""
        if "could not select device driver" in reason:
            hint = (
                "; the engine cannot hand out GPUs: install the NVIDIA Container Toolkit (nvidia-ctk runtime "
                "configure) and restart the engine, or run without containers: --executor local"
            )
        raise EnvironmentNotReadyError(f"the container cannot be {done}: {reason}{hint}") from error
    except ENGINE_FAULTS as error:
        raise EnvironmentNotReadyError(
            f"the container cannot be {done}: no container engine answers ({innermost(error)}); start it and run the "
            "batch again, or run without containers: --executor local"
        ) from error


def innermost(error: BaseException) -> str:
    """What the operating system said, below all that the SDK and its libraries put around it."""
    while True:
        inner = error.__cause__ or error.__context__ or next((a for a in error.args if isinstance(a, Exception)), None)
        if inner is None:
            return str(error) or type(error).__name__
        error = inner


def _execution(state: Mapping[str, Any], *, timed_out: bool, engine_was_lost: bool) -> Execution:
    code = int(state["ExitCode"])
    by_signal = _SIGNAL_BASE < code <= _SIGNAL_BASE + _SIGNAL_MAX
    # The engine says OOMKilled also of a container whose child alone was killed, and which ended well.
    out_of_memory = bool(state["OOMKilled"]) and code != 0
    return Execution(
        exit_code=_SIGNAL_BASE - code if by_signal else code,
        timed_out=timed_out,
        out_of_memory=out_of_memory,
        engine_lost=engine_was_lost and by_signal and not out_of_memory,  # a returning engine stops what it finds
    )
