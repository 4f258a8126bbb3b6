"""The interface between the backend and the loaded model of a task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from energy_score.contract.prompt_plan import PromptUse
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import FinishReason, PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase


@dataclass(frozen=True)
class Output:
    """The output for one query: ``value`` is for ``decode``; counts that the task does not have are None."""

    value: Any
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: FinishReason | None = None
    images: int | None = None


class TaskModel(Protocol):
    """A model, loaded for one task. It raises torch's exceptions, which the backend translates."""

    @property
    def work_phase(self) -> WorkPhase:
        """Return the same as in ``Backend``."""

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Return all modules with weights, the main one first."""

    @property
    def context_length(self) -> int | None:
        """Return the maximum tokens of input and answer; None if unknown, or if it reads no tokens."""

    def prepare(self, row: Row) -> PreparedQuery:
        """Return the same as in ``Backend``."""

    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        """Return the answer to the query; ``clock`` records every token."""

    def decode(self, value: Any) -> str:  # noqa: ANN401 - each task's own
        """Return the value of an output as text."""


@runtime_checkable
class AsksModel(Protocol):
    """A task model whose queries are prompts."""

    @property
    def prompt_use(self) -> PromptUse:
        """How they are asked."""

    def find_thoughts(self, value: Any) -> Thoughts:  # noqa: ANN401 - token ids
        """Return what of an answer's tokens was thought."""


LoadTaskModel = Callable[[ModelSource], TaskModel]
