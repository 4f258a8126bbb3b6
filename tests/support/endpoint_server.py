"""A small OpenAI-compatible server in this process, which speaks either dialect and fails as it is told."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny/model"


@dataclass
class Script:
    """How the server answers. ``faults`` are taken one for each query, then it answers well.

    A fault is called with the request's handler in place of an answer.
    """

    dialect: str = "vllm"
    models: tuple[str, ...] = (MODEL,)
    has_template: bool = True
    takes_min_tokens: bool = True
    shows_prompts: bool = True
    prefix_caching: bool | None = False
    max_model_len: int | None = 64
    ends_after: int | None = None
    latency_s: float = 0.0
    foreign_tokens: int = 0
    opened_by_template: str = ""
    switches: tuple[str, ...] = ("enable_thinking", "reasoning_effort")
    # Whether the answer to a request has thoughts; None for one thought and then the answer, whatever was asked.
    thinks: Callable[[dict[str, Any]], bool] | None = None
    faults: list[Callable[[Any], None]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    under_way: int = 0
    most_under_way: int = 0


@dataclass(frozen=True)
class EndpointServer:
    address: str
    script: Script

    @property
    def queries(self) -> list[dict[str, Any]]:
        return self.script.bodies


@contextlib.contextmanager
def endpoint_server(script: Script | None = None, *, port: int = 0) -> Iterator[EndpointServer]:
    """The server while the context is open."""
    chosen = script or Script()
    lock = threading.Lock()

    class Handler(_Handler):
        plan = chosen
        guard = lock

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore clients that disconnected."""

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield EndpointServer(f"http://127.0.0.1:{server.server_port}/v1", chosen)
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small write may wait 40 ms for an acknowledgement
    plan: Script
    guard: threading.Lock

    def do_GET(self) -> None:
        plan = self.plan
        entries = [{"id": name, "object": "model", "max_model_len": plan.max_model_len} for name in plan.models]
        if self.path == "/v1/models":
            self.json(200, {"object": "list", "data": entries})
        elif self.path == "/version" and plan.dialect == "vllm":
            self.json(200, {"version": "0.32.0"})
        elif self.path == "/metrics" and plan.dialect == "vllm":
            self.text(200, self.metrics())
        else:
            self.json(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        plan = self.plan
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/detokenize" or "return_token_ids" in body:
            self.show_prompt(body)
            return
        with self.guard:
            plan.bodies.append(body)
            plan.under_way += 1
            plan.most_under_way = max(plan.most_under_way, plan.under_way)
            fault = plan.faults.pop(0) if plan.faults else None
        try:
            if fault is not None:
                fault(self)
            elif "min_tokens" in body and not plan.takes_min_tokens:
                self.json(422, {"detail": "Unexpected fields in the request: {'min_tokens', 'ignore_eos'}"})
            elif self.path.endswith("/chat/completions") and not plan.has_template:
                self.refuse_chat()
            else:
                time.sleep(plan.latency_s)
                self.answer(body)
        finally:
            with self.guard:
                plan.under_way -= 1

    def answer(self, body: dict[str, Any]) -> None:
        count = min(body["max_tokens"], self.plan.ends_after or body["max_tokens"])
        if body.get("ignore_eos"):
            count = body["max_tokens"]
        prompt = self.rendered(body)
        usage = {"prompt_tokens": len(prompt), "completion_tokens": count, "total_tokens": len(prompt) + count}
        with self.guard:
            self.plan.prompt_tokens += len(prompt)
            self.plan.completion_tokens += count
        reason = "length" if count == body["max_tokens"] else "stop"
        self.open_stream()
        for event in self.events(body, count, reason, usage):
            self.event(event)
        self.end_stream()

    def events(self, body: dict[str, Any], count: int, reason: str, usage: dict[str, int]) -> Iterator[str]:
        chat, vllm = "messages" in body, self.plan.dialect == "vllm"
        model = body["model"] if vllm else f"{body['model']}@main"

        def chunk(choice: dict[str, Any] | None, **more: Any) -> str:
            return json.dumps({"model": model, "choices": [] if choice is None else [{"index": 0} | choice]} | more)

        def piece(text: str, *, thought: bool = False) -> dict[str, Any]:
            name = ("reasoning" if vllm else "reasoning_content") if thought else "content"
            return {"delta": {name: text}} if chat else {"text": text}

        if chat:
            yield chunk({"delta": {"role": "assistant", "content": ""}})
        if chat and not vllm:
            yield chunk(piece("\n\n", thought=True))  # opened by the template, so not a token of the answer
        for number in range(count):
            last = {"finish_reason": reason} if vllm and number == count - 1 else {}
            is_thought = (
                number == 0 if self.plan.thinks is None else self.plan.thinks(body) and number < (count + 1) // 2
            )
            yield chunk(piece(f"\u2028{number}", thought=is_thought) | last)
        if vllm:
            yield chunk(None, usage=usage)
            yield "[DONE]"
        else:
            yield chunk({"delta": {}, "finish_reason": reason} if chat else {"text": "", "finish_reason": reason},
                        usage=usage)  # fmt: skip

    def rendered(self, body: dict[str, Any]) -> list[int]:
        """The prompt's tokens: one for each character of what a template with the script's switches would write."""
        if "prompt" in body:
            return list(body["prompt"].encode())
        switches = body.get("chat_template_kwargs", {})
        text = "".join(f"<{message['role']}>{message['content']}" for message in body["messages"])
        text += "".join(f"{name}={switches[name]}" for name in self.plan.switches if name in switches)
        return list(f"{text}{self.plan.opened_by_template}".encode())

    def show_prompt(self, body: dict[str, Any]) -> None:
        if not self.plan.shows_prompts:
            self.json(422, {"detail": "Unexpected fields in the request: {'return_token_ids'}"})
        elif "tokens" in body:
            self.json(200, {"prompt": bytes(body["tokens"]).decode()})
        elif not self.plan.has_template:
            self.refuse_chat()
        else:
            self.json(200, {"choices": [], "prompt_token_ids": self.rendered(body)})

    def refuse_chat(self) -> None:
        if self.plan.dialect == "vllm":
            message = "default chat template is no longer allowed, so you must provide a chat template"
            self.json(400, {"error": {"message": message, "type": "BadRequestError", "code": 400}})
        else:
            self.text(500, "Internal Server Error")

    def metrics(self) -> str:
        plan, labels = self.plan, '{engine="0",model_name="tiny/model"}'
        lines = [
            "# TYPE vllm:prompt_tokens_total counter",
            f"vllm:prompt_tokens_total{labels} {plan.prompt_tokens + plan.foreign_tokens * len(plan.bodies)}.0",
            f"vllm:generation_tokens_total{labels} {float(plan.completion_tokens)}",
        ]
        if plan.prefix_caching is not None:
            lines.append(f'vllm:cache_config_info{{enable_prefix_caching="{plan.prefix_caching}",engine="0"}} 1.0')
        return "\n".join(lines) + "\n"

    def open_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, data: str) -> None:
        self.raw(f"data: {data}\n\n".encode())

    def raw(self, raw: bytes) -> None:
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def cut_connection(self) -> None:
        """As the kernel does for a process that is killed: the stream ends in the middle."""
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def json(self, status: int, content: object, **headers: str) -> None:
        self.text(status, json.dumps(content), **headers)

    def text(self, status: int, content: str, **headers: str) -> None:
        raw = content.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Tests want no log of it."""
