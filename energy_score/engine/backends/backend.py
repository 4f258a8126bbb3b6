"""What every backend offers to the benchmark. A backend never reports energy: one meter measures all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from energy_score.contract.run_report import LoadedModel
from energy_score.contract.server_use import ServerUse
from energy_score.engine.endpoint.server import Server

FinishReason = Literal["stop", "length", "context"]
# The pass that makes a query's whole work: an answer is generated token by token ("full", and then "prefill" is the
# same with one new token), one forward pass is made, or one pipeline is called.
WorkPhase = Literal["full", "forward", "call"]
# One query of a data set: the task's own columns by name. A cell is a text, an image of pillow, or an ``Audio``.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class TokenLimits:
    """How many new tokens an answer may have; exactly so many where both are equal."""

    min_new_tokens: int
    max_new_tokens: int


@dataclass(frozen=True)
class PreparedQuery:
    """One query ready for the model: what it is in words, and the backend's own input.

    ``rendered`` is the prompt as it is sent; of images and audio it is their size. ``truncated`` says that the input
    was cut to fit the model's context. ``images`` and ``audio_s`` are what the input holds of them; None where the task
    has none.
    """

    rendered: str
    inputs: Any
    truncated: bool = False
    images: int | None = None
    audio_s: float | None = None


@dataclass(frozen=True)
class Completion:
    """One answer. Counts that the task does not have, or that nobody told, are None and never 0.

    ``prompt_tokens`` stands here and not in the query, because an endpoint counts them and tells with its answer.
    ``token_times_s`` are seconds after the call began, one for each step that gave a token. ``images`` are those that
    the answer holds. ``output`` is whatever ``decode`` needs.
    """

    latency_s: float
    output: Any
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    token_times_s: tuple[float, ...] = ()
    finish_reason: FinishReason | None = None
    images: int | None = None


class Backend(Protocol):
    """Runs one loaded model on one task, one query at a time."""

    @property
    def work_phase(self) -> WorkPhase:
        """What a query's whole work is; read after ``load``, because it may depend on the model (speech to text)."""

    def load(self) -> LoadedModel:
        """Load model and tokenizer or processor, and read back what was loaded.

        Raises:
            ModelLoadError: the model cannot be loaded as the spec says.
            PromptRenderError: the prompt plan cannot be carried by the model's chat template.
        """

    def prepare(self, row: Row) -> PreparedQuery:
        """The row made into the model's input: the phase ``preprocess``.

        Raises:
            QueryError: the row cannot become an input (the prompt leaves no room for an answer, say).
        """

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        """The query's answer; ``limits`` is None unless the work phase is ``full``.

        The limits are those of the pass (prefill: exactly one token), within which the answer is greedy.

        Raises:
            QueryError: this query failed (out of memory, say); the model is still usable.
        """

    def decode(self, completion: Completion) -> str:
        """The answer as text; never called inside a measured window."""

    def synchronise(self) -> None:
        """Wait until the device has finished all work that was given to it."""


@runtime_checkable
class Served(Protocol):
    """A backend whose model runs in another process, a server's."""

    server: Server

    def begin_counting(self) -> None:
        """From here to ``server_use`` tokens are counted, by the server and by the backend."""

    def server_use(self) -> ServerUse:
        """What is known of the server, and what was counted; asked once, after the last query."""

    def close(self) -> None:
        """Give up the connections; the server is left as it is."""
