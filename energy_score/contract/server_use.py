"""What a run knows about the server that answered its queries."""

from typing import Literal

from energy_score.contract.record import Record, SafeLine


class ServerTokens(Record):
    """Tokens of all requests from the first to the last measured pass, including retries."""

    prompt: int
    completion: int


class ServerUse(Record):
    """The server behind an endpoint, as far as it reports; None for what it does not report.

    ``managed``: this run started and stopped it. ``interface`` is where the queries were sent: chats, rendered by the
    server's chat template, or completions with the raw prompt; ``interface_guessed`` means that the server refused
    a chat without a reason. ``exact_length``: it accepts a minimum number of tokens. ``counted`` is the increase of the
    server's own counters, ``received`` the sum over its answers. ``processes_known``: its processes were found, so
    others on its GPUs can be told from them. ``gpu_unseen`` is the reason why no GPU was found for the meter.
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
