"""The address of an OpenAI-compatible server: what is valid, and whether it is this machine's."""

import ipaddress
from urllib.parse import urlsplit

from energy_score.contract.errors import UsageError

_VALID = "valid is http://HOST:PORT/v1, or https"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def endpoint_address(url: str) -> str:
    """``url`` without a trailing slash, its path as given; an address without any path is given ``/v1``.

    Raises:
        UsageError: no address of a web server, a path that does not end in /v1, or a part that does not belong in a
            record (a user, a password, a query).
    """
    text = url.strip().rstrip("/")
    try:
        parts, _ = urlsplit(text), port_of(text)
    except ValueError as error:
        raise UsageError(f"--endpoint {url}: {error}; {_VALID}") from error
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(f"--endpoint: {parts.hostname}: an address of host, port and path alone; {_VALID}")
    if not parts.path:
        return f"{text}/v1"
    if not parts.path.endswith("/v1"):
        raise UsageError(f"--endpoint {url}: its path does not end in /v1; {_VALID}")
    return text


def server_root(endpoint: str) -> str:
    """The address below which a server has what is not of the OpenAI interface (``/version``, ``/metrics``)."""
    return endpoint.removesuffix("/v1")


def port_of(url: str) -> int:
    """The port that ``url`` reaches, the scheme's own where none is named.

    Raises:
        ValueError: it is no address of a web server.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http:// or https:// address")
    return parts.port or _DEFAULT_PORTS[parts.scheme]


def is_loopback(url: str) -> bool:
    """Whether ``url`` names this machine by its loopback address.

    Raises:
        ValueError: it is no address of a web server.
    """
    port_of(url)
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
