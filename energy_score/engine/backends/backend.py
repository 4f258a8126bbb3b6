"""What every backend offers to the benchmark. A backend never reports energy: one meter measures all of them."""

from typing import Protocol, runtime_checkable

from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.server_use import ServerUse
from energy_score.engine.endpoint.server import Server
from energy_score.engine.query import Completion, PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase


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
class AsksPrompts(Protocol):
    """A backend whose queries are prompts, which may ask the model to think."""

    @property
    def prompt_use(self) -> PromptUse | None:
        """How the queries are asked; read after ``load``. None where the loaded model takes no prompts."""

    def find_thoughts(self, completion: Completion) -> Thoughts:
        """Return what of the answer was thought; never called inside a measured window."""


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
