"""Services outside this program: the container engine, the endpoint, the Hub."""

import os
from collections.abc import Iterable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from energy_score.contract.endpoint_address import is_loopback
from energy_score.contract.foreign_json import parse_json
from energy_score.contract.installation import install_command
from energy_score.host.model_files.hub_home import hub_is_offline
from energy_score.host.preflight.check import Check

_ENGINE_TIMEOUT_S = 3
_SERVER_TIMEOUT_S = 3.0
_ANSWER_MAX_BYTES = 2**20
_START_ENGINE = "sudo systemctl start docker, and for access: sudo usermod -aG docker $USER"
_WITHOUT_ENGINE = "or run without containers: --executor local"
_HUB = "https://huggingface.co"


def container_checks(image: str) -> list[Check]:
    """Return whether the container engine answers, and whether it has ``image``."""
    unknown_image = Check("image", "warning", f"{image}: unknown without a container engine", "")
    try:
        import docker  # noqa: PLC0415 - an extra
    except ImportError:
        remedy = f"{install_command('docker')}; {_WITHOUT_ENGINE}"
        return [Check("container engine", "warning", "the docker package is not installed", remedy), unknown_image]
    try:
        client = docker.from_env(timeout=_ENGINE_TIMEOUT_S)
    except (docker.errors.DockerException, OSError) as error:
        remedy = f"{_START_ENGINE}; {_WITHOUT_ENGINE}"
        return [Check("container engine", "warning", f"no answer ({error})", remedy), unknown_image]
    try:
        engine = Check("container engine", "ok", f"version {client.version().get('Version', 'unknown')}", "")
        found = client.images.get(image)
        return [engine, Check("image", "ok", f"{image} is {found.short_id}", "")]
    except docker.errors.ImageNotFound:
        return [engine, Check("image", "warning", f"{image} not found", f"build it with ./build.sh; {_WITHOUT_ENGINE}")]
    except (docker.errors.DockerException, OSError) as error:
        return [
            Check("container engine", "warning", f"fails ({error})", f"restart it; {_WITHOUT_ENGINE}"),
            unknown_image,
        ]
    finally:
        client.close()


def endpoint_checks(endpoint: str) -> list[Check]:
    """Return whether an OpenAI-compatible server answers at ``endpoint``, and whether its GPU can be this machine's."""
    needless = "a server is only needed for --backend vllm"
    try:
        is_here = is_loopback(endpoint)
        answer = _get(f"{endpoint.rstrip('/')}/models", through_proxy=not is_here)
    except HTTPError as error:
        error.close()
        remedy = f"check that this is the server's address, with /v1; {needless}"
        return [Check("endpoint", "warning", f"{endpoint}: HTTP {error.code} {error.reason}", remedy)]
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        remedy = f"start the server, or set its address with --endpoint; {needless}"
        return [Check("endpoint", "warning", f"{endpoint}: no answer ({reason})", remedy)]
    found = f"{endpoint}: serves {', '.join(_model_ids(answer)) or 'no models'}"
    if is_here:
        return [Check("endpoint", "ok", found, "")]
    remedy = "the GPU of another machine cannot be measured from here: run this program on the server's machine"
    return [Check("endpoint", "warning", f"{found}; not on this machine", remedy)]


def hub_checks() -> list[Check]:
    """Return whether the Hugging Face Hub can be reached."""
    if hub_is_offline():
        remedy = "only cached models and datasets can be used; to download, unset HF_HUB_OFFLINE"
        return [Check("hub", "warning", "offline, as set by HF_HUB_OFFLINE", remedy)]
    hub = os.environ.get("HF_ENDPOINT") or _HUB
    try:
        _get(hub, method="HEAD")
    except HTTPError as error:  # it answers, which is enough here
        error.close()
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        remedy = "use local models and --prompts-file, or set HTTPS_PROXY or HF_ENDPOINT"
        return [Check("hub", "warning", f"{hub}: no answer ({reason})", remedy)]
    return [Check("hub", "ok", f"{hub} answers", "")]


def _get(url: str, *, method: str = "GET", through_proxy: bool = True) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("not an http:// or https:// address")
    opener = build_opener() if through_proxy else build_opener(ProxyHandler({}))
    with opener.open(Request(url, method=method), timeout=_SERVER_TIMEOUT_S) as response:  # noqa: S310 - checked above
        return bytes(response.read(_ANSWER_MAX_BYTES))


def _model_ids(answer: bytes) -> Iterable[str]:
    try:
        content = parse_json(answer)
    except (ValueError, RecursionError):
        return
    entries = content.get("data") if isinstance(content, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            yield entry["id"]
