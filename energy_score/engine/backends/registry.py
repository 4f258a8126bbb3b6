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


# Those that answer several queries at a time.
_CONCURRENT = frozenset({"vllm"})


def open_backend(spec: RunSpec) -> Backend:
    """The backend that ``spec`` names, nothing loaded yet.

    Raises:
        UsageError: this version has no such backend, or it answers one query at a time and the spec asks for more.
    """
    if spec.backend not in BACKENDS:
        raise UsageError(f"backend {spec.backend!r} is not in this version; valid: {', '.join(BACKENDS)}")
    if spec.concurrency > 1 and spec.backend not in _CONCURRENT:
        raise UsageError(
            f"backend {spec.backend!r} answers one query at a time; concurrency {spec.concurrency} is valid with "
            f"{', '.join(sorted(_CONCURRENT))}"
        )
    module, _, name = BACKENDS[spec.backend].partition(":")
    return cast("Backend", getattr(import_module(module), name)(spec))
