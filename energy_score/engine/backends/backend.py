"""The interface of backends. A backend never reports energy: the same meter measures all of them."""

from typing import Protocol, runtime_checkable

from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.server_use import ServerUse
from energy_score.engine.endpoint.server import Server
from energy_score.engine.query import Completion, PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase


class Backend(Protocol):
    """Run one loaded model on one task, one query at a time."""

    @property
    def work_phase(self) -> WorkPhase:
        """Return the phase with all of a query's work; read after ``load``, because it can depend on the model."""

    def load(self) -> LoadedModel:
        """Load model and tokenizer or processor, and read back what was loaded.

        Raises:
            ModelLoadError: the model cannot be loaded as the spec says.
            PromptRenderError: the prompt plan cannot be carried by the model's chat template.
        """

    def prepare(self, row: Row) -> PreparedQuery:
        """Turn the row into the model's input: the phase ``preprocess``.

        Raises:
            QueryError: the row cannot become an input (the prompt leaves no room for an answer, say).
        """

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        """Return the query's answer; ``limits`` is None unless the work phase is ``full``.

        The limits are those of the pass (prefill: exactly one token), within which the answer is greedy.

        Raises:
            QueryError: this query failed (out of memory, say); the model is still usable.
        """

    def decode(self, completion: Completion) -> str:
        """Return the answer as text; never called inside a measured window."""

    def synchronise(self) -> None:
        """Wait until the device has finished all work that was given to it."""


@runtime_checkable
class AsksPrompts(Protocol):
    """A backend whose queries are prompts, which may ask the model to think."""

    @property
    def prompt_use(self) -> PromptUse | None:
        """How the queries are asked; read after ``load``. None if the loaded model takes no prompts."""

    def find_thoughts(self, completion: Completion) -> Thoughts:
        """Return what of the answer was thought; never called inside a measured window."""


@runtime_checkable
class Served(Protocol):
    """A backend whose model runs in the process of a server."""

    server: Server

    def begin_counting(self) -> None:
        """Start counting tokens, in the server and in the backend, until ``server_use``."""

    def server_use(self) -> ServerUse:
        """Return what is known about the server, and the token counts; called once, after the last query."""

    def close(self) -> None:
        """Close the connections; the server is not changed."""
