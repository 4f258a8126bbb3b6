"""Targets that come in over a line: a server's answers, an engine's output, what libraries print."""

import contextlib
import io
import itertools
import json
import socket
import threading
from functools import cache, partial

from hypothesis import strategies as st

from debug_logger import RunLog
from energy_score.contract.errors import EnergyScoreError
from energy_score.contract.log_line import safe_line
from energy_score.engine.endpoint.answer_stream import StreamError, read_answer
from energy_score.engine.endpoint.http_client import HttpClient, HttpError
from energy_score.engine.endpoint.metrics import parse_metrics
from energy_score.engine.endpoint.served_model import TemplateProbe, find_served_model
from energy_score.engine.endpoint.server_account import ServerAccount
from energy_score.engine.unquoted import remove_quotation
from energy_score.host.batch.batch_status import BatchStatus
from energy_score.host.batch.live_status import FILE_NAME, LiveStatus
from energy_score.host.batch.plan import ResolvedRun
from energy_score.host.batch.progress import JsonProgress, PlainProgress, Progress, RichProgress
from energy_score.host.executors.engine_output import LineFeed, dispatch
from tests.fuzz.target import Target, scratch
from tests.fuzz.ways import documents, texts, values
from tests.security.traces import LOG_LINE, is_plain
from tests.support.record_factory import make_config, make_spec

_EVENT = {
    "model": "org/m@main", "object": "chat.completion.chunk", "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    "choices": [{"index": 0, "delta": {"content": "x", "reasoning": "y"}, "finish_reason": "stop", "text": "z"}],
}  # fmt: skip
_LINES = st.one_of(
    documents(_EVENT).map(lambda data: b"data: " + data), st.binary(max_size=20), st.just(b"data: [DONE]"),
    st.just(b": comment"), values.map(lambda value: b"data:" + json.dumps(value).encode()),
    st.integers(1, 3000).map(lambda depth: b"data: " + b"[" * depth * 40),
)  # fmt: skip
streams = st.tuples(st.lists(_LINES, max_size=6).map(b"\n".join), st.integers(1, 40))


def check_stream(case: tuple[bytes, int]) -> None:
    data, size = case
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    clock = itertools.count()
    with contextlib.suppress(StreamError):
        answer = read_answer(parts, elapsed_s=lambda: float(next(clock)), patience_s=1e9)
        assert min(answer.prompt_tokens, answer.completion_tokens) >= 0
        assert len(answer.token_times_s) <= max(answer.completion_tokens, 0)
    with contextlib.suppress(EnergyScoreError, ValueError, RecursionError):
        find_served_model(json.loads(data.partition(b"data: ")[2]), make_spec())
    parse_metrics(data.decode(errors="replace"))


class _Saying:
    """A server on the loopback that answers every connection with ``data`` and hangs up."""

    def __init__(self) -> None:
        self.data = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                connection.recv(65536)
                connection.sendall(self.data)


@cache
def saying() -> _Saying:
    return _Saying()


_HEADS = st.one_of(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", b"HTTP/1.1 400 Bad\r\n", b"HTTP/1.1 500 \r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/x; charset=nonsense\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://203.0.113.1/\r\n", b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n",
            b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 204 No\r\n",
        ]
    ),
    st.binary(max_size=40),
)  # fmt: skip
responses = st.tuples(_HEADS, st.one_of(_LINES, st.binary(max_size=60), documents({"data": [{"id": "org/m"}]})))


def check_response(case: tuple[bytes, bytes]) -> None:
    head, body = case
    server = saying()
    server.data = head + b"\r\n" + body
    with HttpClient(server.address, timeout_s=0.5) as client:
        with contextlib.suppress(HttpError):
            client.get_text(f"{server.address}/models")
        with contextlib.suppress(HttpError):
            client.post_json(f"{server.address}/x", {})
        with contextlib.suppress(HttpError, StreamError), client.stream(f"{server.address}/x", {}) as parts:
            read_answer(parts, elapsed_s=lambda: 0.0, patience_s=1)
        ServerAccount(client)
        with contextlib.suppress(EnergyScoreError):
            TemplateProbe(client, model="m").prefill_of(
                make_spec().prompt_plan.model_copy(update={"assistant_prefill": "x"})
            )


_TOLD = {
    "event": "progress", "phase": "full", "queries_done": 1, "queries_planned": 2, "gpu_energy_j": 1.0,
    "cpu_energy_j": None, "gpu_power_w": 90.0,
}  # fmt: skip
outputs = st.tuples(
    st.lists(
        st.one_of(
            documents(_TOLD), documents({"event": "stage", "stage": "load"}), st.binary(max_size=30),
            texts.map(lambda text: text.encode(errors="surrogatepass")),
            st.integers(1, 3000).map(lambda depth: b"[" * depth * 40),
        ),
        max_size=6,
    ).map(b"\n".join),
    st.integers(1, 60),
    st.sampled_from(["plain", "json", "plain", "json", "rich"]),  # the last takes a tenth of a second
)  # fmt: skip


def check_output(case: tuple[bytes, int, str]) -> None:
    """Whatever an engine's process writes, every view of the batch goes on, and each log line is one."""
    data, size, kind = case
    planned = ResolvedRun("run", make_config(), make_spec())
    with scratch() as folder, contextlib.redirect_stderr(io.StringIO()) as stderr:
        shown = io.StringIO()
        view: Progress = RichProgress() if kind == "rich" else PlainProgress(shown)
        if kind == "json":
            view = JsonProgress(shown)
        live = LiveStatus(view, folder, jobs=1)
        live.batch_started(run_count=1, headline="x")
        live.run_started(planned)
        with RunLog(folder, "run") as run_log:
            feed = LineFeed(lambda line: dispatch(line, partial(live.engine_event, planned), run_log.line))
            step = max(size, len(data) // 100)
            for start in range(0, len(data), step):
                feed.feed(data[start : start + step])
            feed.close()
        live.batch_finished("x")
        BatchStatus.read(folder / FILE_NAME)
        log = folder / "logs" / "run.log"
        for line in log.read_text(encoding="utf-8").split("\n")[:-1] if log.exists() else ():
            assert is_plain(line), line
            assert LOG_LINE.fullmatch(line), line
        for line in shown.getvalue().splitlines():
            assert is_plain(line), line
    del stderr


def check_line(case: tuple[str, str]) -> None:
    text, other = case
    line = safe_line(text)
    assert safe_line(line) == line
    assert "\n" not in line
    line.encode()
    assert remove_quotation(other, text) is not None
    assert len(remove_quotation(f"{other}{text}{other}", text)) <= len(other) * 2 + len(text)


STREAMS = {
    "answers": Target(streams, check_stream, found=((b"data: " + b"[" * 100_000, 1000),)),
    "responses": Target(responses, check_response),
    "engine output": Target(outputs, check_output),
    "log lines": Target(st.tuples(st.one_of(texts, st.text()), texts), check_line),
}
