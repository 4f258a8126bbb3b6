"""HTTP to one server: every failure has a message, and every wait has a limit."""

import contextlib
import logging
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx2

from energy_score.contract.endpoint_address import is_loopback
from energy_score.contract.foreign_json import parse_json
from energy_score.contract.plain_text import shorten
from energy_score.engine.endpoint.answer_stream import LONGEST_DETAIL

# The variable under which vLLM's own server reads the key that it asks for.
_KEY_VARIABLE = "VLLM_API_KEY"
_CONNECT_TIMEOUT_S = 10.0
# Waits before another try, where the server has not begun to work: nothing was listening, or it asked to retry later.
_RETRY_WAITS_S = (0.2, 0.5)
_LONGEST_RETRY_AFTER_S = 30.0
_BUSY = (429, 503)
# Far more than a list of models, metrics or a refusal.
_BODY_MAX_BYTES = 2**24
# Its line for every request would be one for every query.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class HttpError(Exception):
    """A request that failed; ``status`` is the HTTP status, None without an answer."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class HttpClient:
    """A client of the server at ``address`` that waits no longer than ``timeout_s`` for its next word."""

    def __init__(self, address: str, *, timeout_s: float) -> None:
        self.address = address
        self._timeout_s = timeout_s
        key = os.environ.get(_KEY_VARIABLE)
        # Reading all trusted certificates takes a tenth of a second, and only https needs them.
        trust = True if address.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx2.Client(
            verify=trust,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None),
            # Each request has a connection of its own: one that a server is about to close (uvicorn does after 5 idle
            # seconds, and after a failure) would fail the query that is sent on it, and it must not be sent twice.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            trust_env=not is_loopback(address),  # a proxy's localhost is another one
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get_text(self, url: str) -> str:
        """The body of ``url``; raises HttpError, also for any status but 200."""
        with self._opened("GET", url, None) as response:
            return _text_of(response)

    def post_json(self, url: str, body: Mapping[str, Any]) -> object:
        """What ``url`` answers to ``body``, parsed; raises HttpError, also where that is not JSON."""
        with self._opened("POST", url, body) as response:
            text = _text_of(response)
        try:
            answer: object = parse_json(text)
        except ValueError as error:
            raise HttpError(f"{url}: the answer is not JSON: {shorten(text, LONGEST_DETAIL)}") from error
        return answer

    @contextlib.contextmanager
    def stream(self, url: str, body: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        """The parts of the answer of ``url`` to ``body``, as they arrive; whatever fails raises HttpError."""
        with self._opened("POST", url, body) as response:
            yield response.iter_raw()

    @contextlib.contextmanager
    def _opened(self, method: str, url: str, body: Mapping[str, Any] | None) -> Iterator[httpx2.Response]:
        request = self._http.build_request(method, url, json=body)
        try:
            response = self._send(request)
            try:
                if response.status_code != httpx2.codes.OK:
                    raise HttpError(_refusal(response), status=response.status_code)
                yield response
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            raise HttpError(f"{url}: no word for {self._timeout_s:g} s") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise HttpError(f"{url}: {_cause(error)}") from error

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, after further tries where the server cannot have begun to work on the request."""
        for wait_s in (*_RETRY_WAITS_S, None):
            try:
                response = self._http.send(request, stream=True)
            except httpx2.ConnectError:
                if wait_s is None:
                    raise
                time.sleep(wait_s)
                continue
            asked_wait_s = _retry_after_s(response)
            if asked_wait_s is None or wait_s is None:
                return response
            response.close()
            time.sleep(asked_wait_s)
        raise AssertionError  # the last round returns or raises


def _retry_after_s(response: httpx2.Response) -> float | None:
    """Return how long a busy server asks to wait, in s; None if it does not ask, or asks for longer than the limit."""
    if response.status_code not in _BUSY:
        return None
    try:
        asked_s = float(response.headers.get("Retry-After", ""))
    except ValueError:  # not given, or given as a date
        return None
    return asked_s if 0 <= asked_s <= _LONGEST_RETRY_AFTER_S else None


def _text_of(response: httpx2.Response) -> str:
    """The body as it came, which is not packed: that was asked for. HttpError where it is too long."""
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > _BODY_MAX_BYTES:
            raise HttpError(f"{response.url}: an answer of more than {_BODY_MAX_BYTES} bytes")
    return body.decode("utf-8", errors="replace")


def _refusal(response: httpx2.Response) -> str:
    text = _text_of(response)
    try:
        content = parse_json(text)
    except ValueError:
        content = None
    detail: object = text
    if isinstance(content, dict):
        error = content.get("error", content.get("detail", content.get("message", content)))
        detail = error.get("message", error) if isinstance(error, dict) else error
    told = shorten(str(detail), LONGEST_DETAIL) or response.reason_phrase
    return f"{response.url}: HTTP {response.status_code}: {told}"


def _cause(error: Exception) -> str:
    """What went wrong, in the words of the lowest layer that has some."""
    if isinstance(error, httpx2.ConnectError):
        return f"nothing is listening there ({error})"
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return f"the connection was cut ({str(error) or type(error).__name__})"
    return str(error) or type(error).__name__
