"""The executors by name; an executor's packages are imported when it is opened."""

from importlib import import_module
from typing import TYPE_CHECKING

from energy_score.contract import extensions
from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.contract.installation import install_command

if TYPE_CHECKING:  # slow to import, and --help needs this list of names
    from energy_score.host.executors.executor import Executor

# Name -> module:function that creates the executor from ``timeout_s``, ``image`` and ``memory``.
EXECUTORS = {
    "docker": "energy_score.host.executors.docker:open_docker_executor",
    "local": "energy_score.host.executors.local:open_local_executor",
}


def open_executor(name: str, *, timeout_s: float, image: str, memory: str | None = None) -> "Executor":
    """Return the executor ``name``, a key of EXECUTORS or one from another package.

    Each run is stopped after ``timeout_s`` seconds. ``image`` is the container image and ``memory`` the container's
    limit (``48g``), if it uses containers.

    Raises:
        UsageError: The executor does not exist, or does not support the limit.
        EnvironmentNotReadyError: Its packages are not installed.
    """
    if name not in EXECUTORS:
        return _open_added(name, timeout_s=timeout_s, image=image, memory=memory)
    module, _, function = EXECUTORS[name].partition(":")
    try:
        opener = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise EnvironmentNotReadyError(
            f"--executor {name} needs the package {error.name}. Install it with: {install_command(name)}; or run "
            "without containers: --executor local"
        ) from error
    executor: Executor = opener(timeout_s=timeout_s, image=image, memory=memory)
    return executor


def _open_added(name: str, *, timeout_s: float, image: str, memory: str | None) -> "Executor":
    opener = load_extension(extensions.EXECUTORS, name)
    if opener is None:
        known = ", ".join((*EXECUTORS, *extension_names(extensions.EXECUTORS)))
        raise UsageError(f"unknown executor {name!r} (expected one of: {known})")
    if not callable(opener):
        raise UsageError(f"entry point {name!r} of {extensions.EXECUTORS}: {opener!r} does not open an executor")
    executor: Executor = opener(timeout_s=timeout_s, image=image, memory=memory)
    return executor
