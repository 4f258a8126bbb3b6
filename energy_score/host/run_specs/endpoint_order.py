"""The server options of the vllm backend, as they enter the run specs of a batch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from energy_score.contract.endpoint_address import endpoint_address
from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.server_command import DEFAULT_SERVER_COMMAND, check_server_command

_SERVED = "vllm"
_GPU = re.compile(r"\d+|GPU-[0-9a-fA-F-]+", re.ASCII)
_DEFAULT_ENDPOINT = "http://localhost:8000/v1"


@dataclass(frozen=True)
class EndpointOrder:
    """The server for the runs of a batch: a running one, or a command that starts one; neither for other backends.

    ``server_command`` is None for the default, to which a row can add options.
    """

    endpoint: str | None = None
    managed: bool = False
    server_command: str | None = None
    meter_gpus: tuple[str, ...] = ()

    def server_command_for(self, config: ModelConfig) -> str | None:
        """Return the command that starts the row's server, or None if it is already running."""
        if not self.managed or self.server_command is not None:
            return self.server_command
        revision = " --revision {revision}" if config.revision is not None else ""
        trust = " --trust-remote-code" if config.trust_remote_code else ""
        return f"{DEFAULT_SERVER_COMMAND}{revision}{trust}"


def resolve_endpoint_options(
    *,
    backend: str,
    endpoint: str | None,
    managed: bool,
    server_command: str | None,
    concurrency: int,
    meter_gpus: str | None,
    without_effect: Mapping[str, bool],
) -> EndpointOrder:
    """Check the options together; ``without_effect`` lists given options that do not apply to a server.

    Raises:
        UsageError: An option has no effect with this backend, or its value is invalid.
    """
    if backend != _SERVED:
        given = {
            "--managed": managed,
            "--server-command": server_command is not None,
            f"--concurrency {concurrency}": concurrency > 1,
            "--meter-gpu": meter_gpus is not None,
        }
        _refuse_first(given, f"has no effect with --backend {backend}. Use it with --backend {_SERVED}.")
        return EndpointOrder()
    _refuse_first(without_effect, f"has no effect on a server. Leave it out with --backend {_SERVED}.")
    gpus = _get_gpus(meter_gpus)
    if not managed:
        _refuse_first({"--server-command": server_command is not None}, "sets what --managed starts. Use both options.")
        return EndpointOrder(endpoint=endpoint_address(endpoint or _DEFAULT_ENDPOINT), meter_gpus=gpus)
    command = None if server_command is None else check_server_command(server_command)
    return EndpointOrder(managed=True, server_command=command, meter_gpus=gpus)


def _get_gpus(text: str | None) -> tuple[str, ...]:
    gpus = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    for gpu in gpus:
        if not _GPU.fullmatch(gpu):
            raise UsageError(
                f"--meter-gpu {text}: {gpu!r} is not a GPU (expected an index or a UUID from nvidia-smi -L)"
            )
    if text is not None and not gpus:
        raise UsageError("--meter-gpu: no GPU given (expected an index or a UUID from nvidia-smi -L)")
    return gpus


def _refuse_first(given: Mapping[str, bool], why: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"{name} {why}")
