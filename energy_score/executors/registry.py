"""The executors by name; an executor's packages are imported when it is opened."""

from importlib import import_module
from typing import cast

from energy_score.executors.executor import Executor

EXECUTORS = {"local": "energy_score.executors.local:LocalExecutor"}


def open_executor(name: str, *, timeout_s: float) -> Executor:
    """The executor called ``name`` (a key of EXECUTORS); each run is stopped after ``timeout_s`` seconds."""
    module, _, attribute = EXECUTORS[name].partition(":")
    return cast("Executor", getattr(import_module(module), attribute)(timeout_s=timeout_s))
