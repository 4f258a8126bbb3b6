"""The executors by name; an executor's packages are imported when it is opened."""

from importlib import import_module

from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.host.executors.executor import Executor

# Name -> module:function that opens the executor from ``timeout_s``, ``image`` and ``memory``.
EXECUTORS = {
    "docker": "energy_score.host.executors.docker:open_docker_executor",
    "local": "energy_score.host.executors.local:open_local_executor",
}


def open_executor(name: str, *, timeout_s: float, image: str, memory: str | None = None) -> Executor:
    """The executor called ``name`` (a key of EXECUTORS); each run is stopped after ``timeout_s`` seconds.

    ``image`` names the container image and ``memory`` the container's limit (``48g``), where there is a container.

    Raises:
        UsageError: the executor has no such limit.
        EnvironmentNotReadyError: its packages are not installed.
    """
    module, _, function = EXECUTORS[name].partition(":")
    try:
        opener = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        raise EnvironmentNotReadyError(
            f"the {name} executor needs the package {error.name}: pip install -c constraints.txt -e '.[{name}]'; or "
            "run without containers: --executor local"
        ) from error
    executor: Executor = opener(timeout_s=timeout_s, image=image, memory=memory)
    return executor
