"""Any error of a server fails one query with a message, and nothing is counted for it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerTokens
from energy_score.engine.backends.openai_endpoint import OpenAIEndpointBackend
from energy_score.engine.endpoint.http_client import HttpClient
from energy_score.engine.query import TokenLimits
from tests.support.endpoint_server import MODEL, Script, endpoint_server
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.stand_in_server import silent

MakeSpec = Callable[..., RunSpec]
Connect = Callable[..., OpenAIEndpointBackend]
GOOD = '{"model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}]}'
LAST = '{"model": "m", "choices": [{"index": 0, "delta": {"content": "b"}, "finish_reason": "length"}]}'
USAGE = '{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}'


def stream(*events: str) -> Callable[[Any], None]:
    def fault(handler: Any) -> None:
        handler.open_stream()
        for event in events:
            handler.event(event)
        handler.end_stream()

    return fault


def killed_in_mid_stream(handler: Any) -> None:
    handler.open_stream()
    handler.event(GOOD)
    handler.cut_connection()


def killed_before_a_word(handler: Any) -> None:
    handler.cut_connection()


def silent_in_mid_stream(handler: Any) -> None:
    handler.open_stream()
    handler.event(GOOD)
    never_answering(handler)


def comments_alone(handler: Any) -> None:
    handler.open_stream()
    handler.event(GOOD)
    while True:  # until the client has gone, and this raises OSError
        handler.raw(b": still here\n\n")
        time.sleep(0.05)


def never_answering(handler: Any) -> None:
    handler.connection.recv(1)  # comes back when the client has gone


def status(code: int, content: object, **headers: str) -> Callable[[Any], None]:
    return lambda handler: handler.json(code, content, **headers)


FAULTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "killed in mid-stream": (killed_in_mid_stream, "the connection was cut"),
    "killed before a word": (killed_before_a_word, "the connection was cut"),
    "no usage": (stream(GOOD, LAST, "[DONE]"), "cut short: the stream ended after 2 pieces, no usage"),
    "no end": (stream(GOOD, USAGE), "cut short: the stream ended after 1 pieces, no finish reason"),
    "nothing at all": (stream(), "cut short: the stream ended after 0 pieces"),
    "garbage": (stream(GOOD, '{"choices": [{'), "an event of 14 bytes is not JSON"),
    "no object": (stream("[1, 2]"), "an event of 6 bytes is no JSON object"),
    "an error in it": (stream(GOOD, '{"error": {"message": "out of memory"}}'), "the server failed: out of memory"),
    "usage without counts": (stream(LAST, '{"choices": [], "usage": {"prompt_tokens": null}}'), "no token counts"),
    "an aborted answer": (stream(GOOD.replace("null", '"abort"'), USAGE), "the answer ended with 'abort'"),
    "a refusal without an end": (status(400, "x" * 2**24), "an answer of more than 16777216 bytes"),
    "400": (status(400, {"error": {"message": "max_tokens=5000 is too large"}}), "HTTP 400: max_tokens=5000 is too"),
    "404": (status(404, {"error": {"message": "The model `x` does not exist."}}), "HTTP 404: The model `x` does not"),
    "429": (status(429, {"detail": "too many requests"}), "HTTP 429: too many requests"),
    "500": (status(500, {"error": "CUDA error"}), "HTTP 500: CUDA error"),
    "503 for a day": (status(503, {"detail": "loading"}, Retry_After="86400"), "HTTP 503: loading"),
}  # fmt: skip
SILENCE: dict[str, tuple[Callable[[Any], None], str]] = {
    "in mid-stream": (silent_in_mid_stream, r"no word for 0\.5 s"),
    "comments alone": (comments_alone, r"no part of an answer for 0\.5 s"),
    "never answering": (never_answering, r"no word for 0\.5 s"),
}


@pytest.fixture
def connected(make_spec: MakeSpec) -> Iterator[Connect]:
    opened: list[OpenAIEndpointBackend] = []

    def connect(address: str, *, timeout_s: float = PATIENCE_S) -> OpenAIEndpointBackend:
        spec = make_spec(model_id=MODEL, backend="vllm", endpoint=address, request_timeout_s=timeout_s)
        opened.append(OpenAIEndpointBackend(spec))
        opened[-1].load()
        return opened[-1]

    yield connect
    for backend in opened:
        backend.close()


def ask(backend: OpenAIEndpointBackend) -> int | None:
    return backend.answer(backend.prepare({"text": "hi"}), TokenLimits(10, 10)).completion_tokens


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_its_query_alone_and_counts_nothing(connected: Connect, name: str) -> None:
    fault, message = FAULTS[name]
    with endpoint_server() as server:
        backend = connected(server.address)
        backend.begin_counting()
        server.script.faults.append(fault)
        asked = len(server.queries)
        with pytest.raises(QueryError, match=message):
            ask(backend)
        assert len(server.queries) == asked + 1, "a query that was sent is never sent again"
        assert backend.server_use().received == ServerTokens(prompt=0, completion=0)
        assert ask(backend) == 10


@pytest.mark.parametrize("name", SILENCE)
def test_a_server_that_falls_silent_fails_its_query_alone(connected: Connect, name: str) -> None:
    """Only where the server is silent is the wait short: whatever else it says may take its time."""
    fault, message = SILENCE[name]
    with endpoint_server() as server:
        backend = connected(server.address)
        backend.begin_counting()
        asked = len(server.queries)
        server.script.faults.append(fault)
        patient = backend._client, backend._spec
        if name == "comments alone":
            backend._spec = backend._spec.model_copy(update={"request_timeout_s": 0.5})
        else:
            backend._client = HttpClient(server.address, timeout_s=0.5)
        with pytest.raises(QueryError, match=message):
            ask(backend)
        wait_until(lambda: len(server.queries) > asked)
        if name != "comments alone":
            backend._client.close()
        backend._client, backend._spec = patient
        assert backend.server_use().received == ServerTokens(prompt=0, completion=0)
        assert ask(backend) == 10
        assert len(server.queries) == asked + 2, "a query that was sent is never sent again"


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_says_when_to_come_again_is_asked_again(connected: Connect, code: int) -> None:
    with endpoint_server() as server:
        backend = connected(server.address)
        server.script.faults += [status(code, {}, Retry_After="0.01")] * 2
        assert ask(backend) == 10
        server.script.faults += [status(code, {"detail": "busy"}, Retry_After="0.01")] * 3
        with pytest.raises(QueryError, match=f"HTTP {code}: busy"):
            ask(backend)


def test_a_server_that_has_gone_fails_each_query_at_once(connected: Connect) -> None:
    with endpoint_server() as server:
        backend = connected(server.address)
    with pytest.raises(QueryError, match="nothing is listening there"):
        ask(backend)


def test_a_server_that_comes_back_on_its_port_is_asked_again(connected: Connect) -> None:
    with endpoint_server() as server:
        backend = connected(server.address)
    port = int(server.address.rpartition(":")[2].partition("/")[0])
    with endpoint_server(port=port):
        assert ask(backend) == 10


def test_a_server_that_accepts_and_never_answers_does_not_hang_the_run(connected: Connect) -> None:
    with silent() as address, pytest.raises(ModelLoadError, match=r"does not list its models: .*no word for 0\.3 s"):
        connected(f"http://{address}/v1", timeout_s=0.3)


def test_a_first_query_that_fails_is_a_load_failure(connected: Connect) -> None:
    refused, broken = status(404, {"error": {"message": "no such model"}}), status(500, {"detail": "broken"})
    with (
        endpoint_server(Script(faults=[refused])) as server,
        pytest.raises(ModelLoadError, match=r"does not answer a first query: .*HTTP 404: no such model"),
    ):
        connected(server.address)
    with (
        endpoint_server(Script(faults=[broken, broken])) as server,
        pytest.raises(ModelLoadError, match=r"neither a chat nor a raw prompt: .*HTTP 500: broken"),
    ):
        connected(server.address)


def test_the_key_of_the_environment_goes_with_every_request(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "a-key")
    seen: list[str] = []

    def note(handler: Any) -> None:
        seen.append(handler.headers["Authorization"])
        stream(GOOD, LAST, USAGE)(handler)

    with endpoint_server(Script(faults=[note])) as server:
        connected(server.address)
    assert seen == ["Bearer a-key"]
