"""The backends by name; a backend's packages are imported when it is opened."""

from importlib import import_module
from typing import cast

from energy_score.contract.errors import UsageError
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.backend import Backend

BACKENDS = {
    "pytorch": "energy_score.engine.backends.pytorch:PyTorchBackend",
    "vllm": "energy_score.engine.backends.openai_endpoint:OpenAIEndpointBackend",
}


def open_backend(spec: RunSpec) -> Backend:
    """The backend that ``spec`` names, nothing loaded yet.

    Raises:
        UsageError: this version has no such backend.
    """
    if spec.backend not in BACKENDS:
        raise UsageError(f"backend {spec.backend!r} is not in this version; valid: {', '.join(BACKENDS)}")
    module, _, name = BACKENDS[spec.backend].partition(":")
    return cast("Backend", getattr(import_module(module), name)(spec))
