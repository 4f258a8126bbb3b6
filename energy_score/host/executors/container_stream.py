"""The open line to a container: its input, held open as a dead-man's switch, and all that it says."""

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

# What the SDK raises when the engine goes away, by the moment in which it goes.
ENGINE_FAULTS = (RequestException, HTTPError, DockerException, OSError)
_ATTACH = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 1}
_DRAIN_S = 15.0


class ContainerStream:
    """Hands on what a container says, from ``attach`` to ``close``.

    The container was made to close its input when the one attached goes: the engine inside ends itself then, so that no
    container outlives this process. An engine that came back cannot do that any more; what it says is then followed in
    its log, from where the line broke off.
    """

    def __init__(self, on_event: OnEvent, on_log_line: OnLogLine) -> None:
        self._events = LineFeed(lambda line: dispatch(line, on_event, on_log_line))
        self._log = LineFeed(on_log_line)
        self._socket: Any = None
        self._readers: list[threading.Thread] = []

    def attach(self, api: APIClient, container: str) -> None:
        """Open the line to a container that is not started yet."""
        self._socket = api.attach_socket(container, params=_ATTACH)
        self._read(self._both(self._socket))

    def follow_log(self, api: APIClient, container: str) -> None:
        """Go on after a loss: the log comes from its beginning, and what was heard of it is passed over."""
        self._disconnect()
        for feed, is_stdout in ((self._events, True), (self._log, False)):
            feed.replayed_from_start()
            chunks = api.logs(container, stdout=is_stdout, stderr=not is_stdout, stream=True, follow=True)
            self._read(zip(repeat(feed), chunks))

    def close(self) -> None:
        """Hear the container out, which has ended, and close the line."""
        for reader in self._readers:
            reader.join(_DRAIN_S)
        self._disconnect()
        for feed in (self._events, self._log):
            feed.close()

    def _read(self, chunks: Iterable[tuple[LineFeed, bytes]]) -> None:
        def read() -> None:
            # A line that is cut by a lost engine, or closed here, simply ends: the container's state says the rest.
            with contextlib.suppress(ValueError, *ENGINE_FAULTS):
                for feed, data in chunks:
                    feed.feed(data)

        self._readers.append(threading.Thread(target=read, name="container-stream", daemon=True))
        self._readers[-1].start()

    def _both(self, line: Any) -> Iterable[tuple[LineFeed, bytes]]:  # noqa: ANN401 - the SDK has no type for it
        for source, data in frames_iter(line, tty=False):
            yield self._events if source == STDOUT else self._log, data

    def _disconnect(self) -> None:
        """Close the line; what was not heard by now is not heard."""
        if self._socket is not None:
            # The SDK gives a socket wrapped three times over: the inner one wakes the reader, the outer one gives back.
            with contextlib.suppress(OSError):
                self._socket._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001
        for reader in self._readers:
            reader.join(_DRAIN_S)
        if self._socket is not None:
            self._socket._response.close()  # noqa: SLF001
        self._socket, self._readers = None, []
