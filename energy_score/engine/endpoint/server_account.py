"""What a server says of itself, and its token counters set beside what a run received."""

import threading
import time

from energy_score.contract.endpoint_address import server_root
from energy_score.contract.foreign_json import parse_json
from energy_score.contract.server_use import ServerTokens
from energy_score.engine.endpoint.http_client import HttpClient, HttpError
from energy_score.engine.endpoint.metrics import ServerMetrics, parse_metrics

_NOTHING = ServerTokens(prompt=0, completion=0)
# The server's counters follow its last answer by a moment.
_SETTLE_S = 2.0
_POLL_S = 0.1


class ServerAccount:
    """Name and version of the server behind ``client``, and both sides' token counts; None if not reported."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._root = server_root(client.address)
        self._lock = threading.Lock()
        self._before: ServerTokens | None = None
        self.received = _NOTHING
        self.version = self._read_version()
        # Others may have a /version as well; the counters are vLLM's.
        self.name = "vllm" if self._metrics().tokens is not None else None

    def note_model_name(self, answered: str | None) -> None:
        """Know the server by the name it gives its model: ``transformers serve`` adds the revision to it."""
        if self.name is None and answered is not None and "@" in answered:
            self.name = "transformers serve"

    def add(self, *, prompt: int, completion: int) -> None:
        """Count the tokens of one answer, as its usage says."""
        with self._lock:
            self.received = ServerTokens(
                prompt=self.received.prompt + prompt, completion=self.received.completion + completion
            )

    def begin(self) -> None:
        """Count from here, once the server has counted all that went before."""
        deadline_s, last = time.monotonic() + _SETTLE_S, None
        while True:
            self._before = self._metrics().tokens
            if self._before == last or time.monotonic() > deadline_s:
                break
            last = self._before
            time.sleep(_POLL_S)
        self.received = _NOTHING

    def settled(self) -> tuple[ServerMetrics, ServerTokens | None]:
        """The metrics now, and what the server's counters gained since ``begin``, once they have caught up."""
        deadline_s = time.monotonic() + _SETTLE_S
        while True:
            metrics = self._metrics()
            if metrics.tokens is None or self._before is None:
                return metrics, None
            counted = ServerTokens(
                prompt=metrics.tokens.prompt - self._before.prompt,
                completion=metrics.tokens.completion - self._before.completion,
            )
            if counted == self.received or time.monotonic() > deadline_s:
                return metrics, counted
            time.sleep(_POLL_S)

    def _metrics(self) -> ServerMetrics:
        try:
            return parse_metrics(self._client.get_text(f"{self._root}/metrics"))
        except HttpError:
            return ServerMetrics()

    def _read_version(self) -> str | None:
        try:
            content = parse_json(self._client.get_text(f"{self._root}/version"))
        except (HttpError, ValueError):
            return None
        version = content.get("version") if isinstance(content, dict) else None
        return version if isinstance(version, str) else None
