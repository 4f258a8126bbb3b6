"""What every backend offers to the benchmark. A backend never reports energy: one meter measures all of them."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from energy_score.contract.run_report import LoadedModel

FinishReason = Literal["stop", "length", "context"]


@dataclass(frozen=True)
class PreparedQuery:
    """One query ready for the model: the rendered prompt, its token count, and the backend's own input."""

    rendered: str
    prompt_tokens: int
    inputs: Any


@dataclass(frozen=True)
class Completion:
    """One answer. ``token_times_s`` are seconds after the call began, one for each step that gave a token."""

    completion_tokens: int
    token_times_s: tuple[float, ...]
    latency_s: float
    finish_reason: FinishReason
    output: Any


class Backend(Protocol):
    """Runs one loaded model, one query at a time."""

    def load(self) -> LoadedModel:
        """Load model and tokenizer and read back what was loaded.

        Raises:
            ModelLoadError: the model cannot be loaded as the spec says.
            PromptRenderError: the prompt plan cannot be carried by the model's chat template.
        """

    def prepare(self, text: str) -> PreparedQuery:
        """The query rendered by the prompt plan and tokenized.

        Raises:
            QueryError: the prompt leaves no room for an answer.
        """

    def generate(self, query: PreparedQuery, *, max_new_tokens: int, min_new_tokens: int) -> Completion:
        """The greedy answer, with a time for each token.

        Raises:
            QueryError: this query failed (out of memory, say); the model is still usable.
        """

    def decode(self, completion: Completion) -> str:
        """The answer as text; never called inside a measured window."""

    def synchronise(self) -> None:
        """Wait until the device has finished all work that was given to it."""
