"""What one task's loaded model offers to the backend."""

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
    """What one query gave: ``value`` is for ``decode``; a count that the task does not have is None."""

    value: Any
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    finish_reason: FinishReason | None = None
    images: int | None = None


class TaskModel(Protocol):
    """A model, loaded for one task. It raises what torch raises; the backend tells what that means."""

    @property
    def work_phase(self) -> WorkPhase:
        """As ``Backend`` says."""

    @property
    def modules(self) -> tuple[torch.nn.Module, ...]:
        """Everything that has weights, the main part first."""

    @property
    def context_length(self) -> int | None:
        """How many tokens of input and answer the model holds; None where it says nothing, or reads no tokens."""

    def prepare(self, row: Row) -> PreparedQuery:
        """As ``Backend`` says."""

    def run(self, query: PreparedQuery, limits: TokenLimits | None, clock: TokenClock) -> Output:
        """The answer to the query; ``clock`` is told of every token."""

    def decode(self, value: Any) -> str:  # noqa: ANN401 - each task's own
        """The value of an output as text."""


@runtime_checkable
class AsksModel(Protocol):
    """A task model whose queries are prompts."""

    @property
    def prompt_use(self) -> PromptUse:
        """How they are asked."""

    def find_thoughts(self, value: Any) -> Thoughts:  # noqa: ANN401 - token ids
        """Return what of an answer's tokens was thought."""


LoadTaskModel = Callable[[ModelSource], TaskModel]
