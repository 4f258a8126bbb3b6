"""The interface of a rule: a function of facts, run spec and surroundings."""

from dataclasses import dataclass
from typing import Protocol

from energy_score.contract.model_config import ModelConfig
from energy_score.contract.run_spec import RunSpec
from energy_score.host.preflight.models.facts import Model, ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.surroundings import Surroundings
from energy_score.shared.tasks.registry import find_task
from energy_score.shared.tasks.task import Task


@dataclass(frozen=True)
class Question:
    """One row, what is known about its model, and where it would run."""

    facts: ModelFacts
    config: ModelConfig
    spec: RunSpec
    here: Surroundings

    @property
    def task(self) -> Task:
        """Return the built-in task that the row's task runs as."""
        return task_run_like(self.spec)


class Rule(Protocol):
    """One rule of the list."""

    def __call__(self, question: Question, /) -> Finding | None:
        """Return what it finds, or None if it does not apply to the row."""


def model_asked(spec: RunSpec) -> Model:
    """Return the model that ``spec`` runs."""
    return Model(spec.model_id, spec.model_path, spec.revision, task_run_like(spec).index_file)


def parameters_text(count: float) -> str:
    """Return ``count`` parameters as text: ``7 B``, ``82.1 M``."""
    for unit, size in (("B", 1e9), ("M", 1e6)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:,.0f}"


def gigabytes(count: float) -> str:
    """Return ``count`` bytes as text."""
    for unit, size in (("MB", 1e6), ("GB", 1e9)):
        if count < 999.5 * size:  # three digits, rounded
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e12:,.4g} TB"


def task_run_like(spec: RunSpec) -> Task:
    """Return the built-in task that the task of ``spec`` runs as: a task from another package says which."""
    task = find_task(spec.task)
    return task if task.runs_as is None else find_task(task.runs_as)
