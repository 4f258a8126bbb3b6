"""The URL of an OpenAI-compatible server: validation, and whether it is on this machine."""

import ipaddress
from urllib.parse import urlsplit

from energy_score.contract.errors import UsageError

_EXPECTED = "expected http://HOST:PORT/v1 or https://HOST:PORT/v1"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def endpoint_address(url: str) -> str:
    """Return ``url`` without a trailing slash; ``/v1`` is added if it has no path.

    Raises:
        UsageError: The URL is not a web address, its path does not end in /v1, or it has a part that must not be stored
            in a record (a user, a password, a query).
    """
    text = url.strip().rstrip("/")
    try:
        parts, _ = urlsplit(text), get_port(text)
    except ValueError as error:
        raise UsageError(f"--endpoint {url}: {error} ({_EXPECTED})") from error
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(f"--endpoint: {parts.hostname}: only host, port and path are allowed ({_EXPECTED})")
    if not parts.path:
        return f"{text}/v1"
    if not parts.path.endswith("/v1"):
        raise UsageError(f"--endpoint {url}: the path does not end in /v1 ({_EXPECTED})")
    return text


def server_root(endpoint: str) -> str:
    """Return the server's root URL, for what is not part of the OpenAI interface (``/version``, ``/metrics``)."""
    return endpoint.removesuffix("/v1")


def get_port(url: str) -> int:
    """Return the port of ``url``; the scheme's default if it has none.

    Raises:
        ValueError: The URL is not a web address.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http:// or https:// address")
    return parts.port or _DEFAULT_PORTS[parts.scheme]


def is_loopback(url: str) -> bool:
    """Return whether ``url`` is a loopback address of this machine.

    Raises:
        ValueError: The URL is not a web address.
    """
    get_port(url)
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
