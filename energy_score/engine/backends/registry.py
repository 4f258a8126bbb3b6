"""The backends by name, those of other packages too; a backend's packages are imported when it is opened."""

from importlib import import_module
from typing import cast

from energy_score.contract import extensions
from energy_score.contract.errors import UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.backend import Backend

BACKENDS = {
    "pytorch": "energy_score.engine.backends.pytorch.backend:PyTorchBackend",
    "vllm": "energy_score.engine.backends.openai_endpoint:OpenAIEndpointBackend",
}


# Those that answer several queries at a time.
_CONCURRENT = frozenset({"vllm"})


def open_backend(spec: RunSpec) -> Backend:
    """The backend that ``spec`` names, nothing loaded yet.

    Raises:
        UsageError: neither this version nor another package has such a backend, or it answers one query at a time and
            the spec asks for more.
    """
    if spec.concurrency > 1 and spec.backend not in _CONCURRENT:
        raise UsageError(
            f"backend {spec.backend!r} answers one query at a time; concurrency {spec.concurrency} is valid with "
            f"{', '.join(sorted(_CONCURRENT))}"
        )
    if spec.backend not in BACKENDS:
        added = load_extension(extensions.BACKENDS, spec.backend)
        if added is None:
            valid = ", ".join((*BACKENDS, *extension_names(extensions.BACKENDS)))
            raise UsageError(f"backend {spec.backend!r} is not in this version; valid: {valid}")
        if not callable(added):
            raise UsageError(f"entry point {spec.backend!r} of {extensions.BACKENDS}: {added!r} makes no backend")
        return cast("Backend", added(spec))
    module, _, name = BACKENDS[spec.backend].partition(":")
    return cast("Backend", getattr(import_module(module), name)(spec))
