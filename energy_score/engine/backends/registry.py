"""The backends by name, including other packages' ones; a backend's packages are imported when it is opened."""

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


# Backends that support parallel queries.
_CONCURRENT = frozenset({"vllm"})


def open_backend(spec: RunSpec) -> Backend:
    """Return the backend in ``spec``, with nothing loaded yet.

    Raises:
        UsageError: The backend does not exist here or in another package, or it answers one query at a time and
            the spec asks for more.
    """
    if spec.concurrency > 1 and spec.backend not in _CONCURRENT:
        raise UsageError(
            f"backend {spec.backend!r} answers one query at a time. For concurrency {spec.concurrency}, use "
            f"{', '.join(sorted(_CONCURRENT))}"
        )
    if spec.backend not in BACKENDS:
        added = load_extension(extensions.BACKENDS, spec.backend)
        if added is None:
            valid = ", ".join((*BACKENDS, *extension_names(extensions.BACKENDS)))
            raise UsageError(f"unknown backend {spec.backend!r} (expected one of: {valid})")
        if not callable(added):
            raise UsageError(
                f"entry point {spec.backend!r} of {extensions.BACKENDS}: {added!r} does not create a backend"
            )
        return cast("Backend", added(spec))
    module, _, name = BACKENDS[spec.backend].partition(":")
    return cast("Backend", getattr(import_module(module), name)(spec))
