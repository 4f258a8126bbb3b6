"""The executors by name; an executor's packages are imported when it is opened."""

from importlib import import_module
from typing import TYPE_CHECKING

from energy_score.contract import extensions
from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.contract.extensions import extension_names, load_extension
from energy_score.contract.installation import install_command

if TYPE_CHECKING:  # heavy, and this list of names is on the way to --help
    from energy_score.host.executors.executor import Executor

# Name -> module:function that opens the executor from ``timeout_s``, ``image`` and ``memory``.
EXECUTORS = {
    "docker": "energy_score.host.executors.docker:open_docker_executor",
    "local": "energy_score.host.executors.local:open_local_executor",
}


def open_executor(name: str, *, timeout_s: float, image: str, memory: str | None = None) -> "Executor":
    """Return the executor called ``name``, a key of EXECUTORS or one of another package.

    Each run is stopped after ``timeout_s`` seconds. ``image`` names the container image and ``memory`` the container's
    limit (``48g``), where there is a container.

    Raises:
        UsageError: there is no such executor, or it has no such limit.
        EnvironmentNotReadyError: its packages are not installed.
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
        raise UsageError(f"executor {name!r} is not one of {known}")
    if not callable(opener):
        raise UsageError(f"entry point {name!r} of {extensions.EXECUTORS}: {opener!r} opens no executor")
    executor: Executor = opener(timeout_s=timeout_s, image=image, memory=memory)
    return executor
