"""The connection to a container: its input, which is kept open, and its output."""

import contextlib
import socket
import threading
from collections.abc import Iterable
from itertools import repeat
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from docker.utils.socket import STDOUT, frames_iter
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from energy_score.host.executors.engine_output import LineFeed, OnEvent, OnLogLine, dispatch

# Exceptions that the SDK raises when the container engine goes away, depending on the moment.
ENGINE_FAULTS = (RequestException, HTTPError, DockerException, OSError)
_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 1}
_DRAIN_S = 15.0


class ContainerStream:
    """Passes on a container's output, from ``attach`` to ``close``.

    The container closes its input when the attached client goes away, and then the engine inside exits, so that no
    container outlives this process. After a restart the container engine cannot do that any more; the output is then
    read from the container's log, from where the connection broke.
    """

    def __init__(self, on_event: OnEvent, on_log_line: OnLogLine) -> None:
        self._events = LineFeed(lambda line: dispatch(line, on_event, on_log_line))
        self._log = LineFeed(on_log_line)
        self._socket: Any = None
        self._readers: list[threading.Thread] = []

    def attach(self, api: APIClient, container: str) -> None:
        """Connect to a container that has not been started yet."""
        self._socket = api.attach_socket(container, params=_ATTACH)
        self._read(self._both(self._socket))

    def follow_log(self, api: APIClient, container: str) -> None:
        """Continue after a lost connection: read the log from its beginning, and skip what was already seen."""
        self._disconnect()
        for feed, is_stdout in ((self._events, True), (self._log, False)):
            feed.replayed_from_start()
            chunks = api.logs(container, stdout=is_stdout, stderr=not is_stdout, stream=True, follow=True)
            self._read(zip(repeat(feed), chunks))

    def close(self) -> None:
        """Read the rest of the output of an ended container, and close the connection."""
        for reader in self._readers:
            reader.join(_DRAIN_S)
        self._disconnect()
        for feed in (self._events, self._log):
            feed.close()

    def _read(self, chunks: Iterable[tuple[LineFeed, bytes]]) -> None:
        def read() -> None:
            # A connection that breaks or is closed here simply ends: the container's state has the rest.
            with contextlib.suppress(ValueError, *ENGINE_FAULTS):
                for feed, data in chunks:
                    feed.feed(data)

        self._readers.append(threading.Thread(target=read, name="container-stream", daemon=True))
        self._readers[-1].start()

    def _both(self, line: Any) -> Iterable[tuple[LineFeed, bytes]]:  # noqa: ANN401 - the SDK has no type for it
        for source, data in frames_iter(line, tty=False):
            yield self._events if source == STDOUT else self._log, data

    def _disconnect(self) -> None:
        """Close the connection; output after this point is lost."""
        if self._socket is not None:
            # The SDK wraps a socket three times: the inner one wakes up the reader, the outer one releases it.
            with contextlib.suppress(OSError):
                self._socket._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
        for reader in self._readers:
            reader.join(_DRAIN_S)
        if self._socket is not None:
            self._socket._response.close()  # noqa: SLF001
        self._socket, self._readers = None, []
