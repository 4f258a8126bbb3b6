"""What a run knows of the server that answered its queries."""

from typing import Literal

from energy_score.contract.record import Record, SafeLine


class ServerTokens(Record):
    """Tokens of all requests from the first measured pass to the last one, retries included."""

    prompt: int
    completion: int


class ServerUse(Record):
    """The server behind an endpoint, as far as it tells; what it does not tell is None.

    ``managed``: this run started and stopped it. ``interface`` is what the queries went to: chats, rendered by the
    server's chat template, or completions with the raw prompt; ``interface_guessed`` says that the server refused
    a chat without saying why. ``exact_length``: it takes a least number of tokens. ``counted`` is what the server's own
    counters gained, ``received`` the sum of what its answers said. ``processes_known``: its processes were found, so
    that others on its GPUs can be told from them. ``gpu_unseen`` says why no GPU could be named for the meter.
    """

    address: str
    name: SafeLine | None
    version: SafeLine | None
    served_model: SafeLine
    managed: bool
    interface: Literal["chat", "completions"]
    interface_guessed: bool = False
    exact_length: bool
    prefix_caching: bool | None
    counted: ServerTokens | None = None
    received: ServerTokens
    processes_known: bool | None = None
    gpu_unseen: SafeLine | None = None
    notes: tuple[SafeLine, ...] = ()
