"""The open line to a container: its input, held open as a dead-man's switch, and all that it says."""

import contextlib
import socket
import threading
from typing import Any

from docker import APIClient
from docker.utils.socket import STDOUT, frames_iter

from energy_score.executors.engine_output import LineFeed, OnEvent, OnLogLine, dispatch

_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 1}
_DRAIN_S = 15.0


class ContainerStream:
    """Hands on what a container says for as long as it is attached.

    The container was made to close its input when the first one attached goes: the engine inside ends itself then, so
    that no container outlives this process. After a loss ``attach`` goes on where the stream broke off.
    """

    def __init__(self, on_event: OnEvent, on_log_line: OnLogLine) -> None:
        self._events = LineFeed(lambda line: dispatch(line, on_event, on_log_line))
        self._log = LineFeed(on_log_line)
        self._socket: Any = None
        self._reader: threading.Thread | None = None

    def attach(self, api: APIClient, container: str) -> None:
        """Open the line; what was said before is replayed and passed over where it was heard already."""
        self._disconnect()
        for feed in (self._events, self._log):
            feed.replayed_from_start()
        self._socket = api.attach_socket(container, params=_ATTACH)
        self._reader = threading.Thread(target=self._read, args=(self._socket,), name="container-stream", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Hear the container out, which has ended, and close the line."""
        if self._reader is not None:
            self._reader.join(_DRAIN_S)
        self._disconnect()
        for feed in (self._events, self._log):
            feed.close()

    def _read(self, line: Any) -> None:  # noqa: ANN401 - the SDK has no type for it
        # A line that is cut by a lost engine, or closed here, simply ends: the container's state says what it means.
        with contextlib.suppress(OSError, ValueError):
            for source, data in frames_iter(line, tty=False):
                (self._events if source == STDOUT else self._log).feed(data)

    def _disconnect(self) -> None:
        """Close the line; what was not heard by now is not heard."""
        if self._socket is None or self._reader is None:
            return
        # The SDK gives a socket wrapped three times over: the inner one wakes the reader, the outer one gives all back.
        with contextlib.suppress(OSError):
            self._socket._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
        self._reader.join(_DRAIN_S)
        self._socket._response.close()  # noqa: SLF001
        self._socket = self._reader = None
