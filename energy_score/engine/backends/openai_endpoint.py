"""Text generation with a server that has the OpenAI interface, such as vLLM or ``transformers serve``."""

import logging
import threading
import time
from dataclasses import replace

from energy_score.contract.errors import EnvironmentNotReadyError, ModelLoadError, PromptRenderError, QueryError
from energy_score.contract.foreign_json import parse_json
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse
from energy_score.engine.endpoint.answer_stream import StreamedAnswer, StreamError, read_answer
from energy_score.engine.endpoint.http_client import HttpClient, HttpError
from energy_score.engine.endpoint.managed_server import ManagedServer
from energy_score.engine.endpoint.query_request import (
    PATHS,
    Interface,
    QueryRequest,
    body_of,
    chat_request,
    raw_request,
)
from energy_score.engine.endpoint.served_model import ServedModel, TemplateProbe, find_served_model
from energy_score.engine.endpoint.served_thoughts import count_thoughts
from energy_score.engine.endpoint.server import RunningServer, Server
from energy_score.engine.endpoint.server_account import ServerAccount
from energy_score.engine.prompt_decision import PromptDecision, ends_in_thoughts
from energy_score.engine.prompts import PROBE_TEXT
from energy_score.engine.query import Completion, PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase
from energy_score.engine.stored_template import find_stored_template

log = logging.getLogger(__name__)

_UNPROCESSABLE, _SERVER_ERROR = 422, 500


class OpenAIEndpointBackend:
    """One served model, greedy; as many parallel queries as there are parallel calls of ``answer``."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self.server: Server
        if spec.server_command is not None:
            self.server = ManagedServer(spec)
        elif spec.endpoint is not None:
            self.server = RunningServer(spec.endpoint, named_gpus=spec.meter_gpus)
        else:
            raise EnvironmentNotReadyError("the vllm backend needs an endpoint or a server command; the spec has none")
        self._client = HttpClient(self.server.address, timeout_s=spec.request_timeout_s)
        self._model: ServedModel
        self._decision = PromptDecision(spec, find_stored_template(spec.model_path or spec.model_id, spec.revision))
        self._plan = self._decision.plan
        self._shown_prompt: str | None = None
        self._is_effective: bool | None = None
        self.prompt_use: PromptUse | None = None
        self._interface: Interface = "completions" if self._plan.raw else "chat"
        self._interface_guessed = False
        self._exact_length = True
        self._prefill = ""
        self._account: ServerAccount
        self._notes: list[str] = []
        self._lock = threading.Lock()
        self._prompt_tokens: dict[str, int] = {}

    def load(self) -> LoadedModel:
        """Connect to the server, ask for its models, and send a first short query.

        A managed server is started first. What a server does not report about its model is None.
        """
        self.server.start()
        try:
            listed = parse_json(self._client.get_text(f"{self.server.address}/models"))
        except (HttpError, ValueError) as error:
            raise ModelLoadError(f"the endpoint does not list its models: {self._told(error)}") from error
        self._model = find_served_model(listed, self._spec)
        self._account = ServerAccount(self._client)
        self._look_at_the_template()
        self._settle_the_interface()
        self.prompt_use = self._settle_the_prompts()
        log.info(
            "endpoint: model=%s interface=%s exact_length=%s name=%s version=%s",
            self._model.name,
            self._interface,
            self._exact_length,
            self._account.name,
            self._account.version,
        )
        return LoadedModel(
            commit=None,
            dtype=None,
            devices=None,
            parameter_count=None,
            attention=None,
            random_weights=None,
            offloaded=None,
            context_length=self._model.context_length,
        )

    @property
    def work_phase(self) -> WorkPhase:
        """Return ``full``: text is generated token by token."""
        return "full"

    def prepare(self, row: Row) -> PreparedQuery:
        """Return the query; rendering and tokenizing are done by the server and belong to the answer."""
        request = self._request(row["text"])
        return PreparedQuery(rendered=request.rendered, inputs=request)

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        """Return the server's answer; the latency ends with the stream."""
        assert limits is not None  # noqa: S101 - the work phase is full
        room = self._within_context(query, limits)
        start_s = time.perf_counter()
        try:
            answer = self._ask(query.inputs, room, start_s=start_s)
        except (HttpError, StreamError) as error:
            raise QueryError(self._told(error)) from error
        latency_s = time.perf_counter() - start_s
        with self._lock:
            self._prompt_tokens[query.rendered] = answer.prompt_tokens
        was_cut = answer.finish_reason == "length" and room.max_new_tokens < limits.max_new_tokens
        return Completion(
            latency_s=latency_s,
            output=answer,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            token_times_s=answer.token_times_s,
            finish_reason="context" if was_cut else answer.finish_reason,
        )

    def decode(self, completion: Completion) -> str:
        """Return the text as it was received, with thoughts before the answer."""
        return str(completion.output.text)

    def find_thoughts(self, completion: Completion) -> Thoughts:
        """Return the thoughts, found by the server's own field for them or by the marks in its text."""
        answer: StreamedAnswer = completion.output
        opened = self.prompt_use is not None and bool(self.prompt_use.opens_thoughts)
        return count_thoughts(answer, opened=opened, is_certain=self._shown_prompt is not None)

    def synchronise(self) -> None:
        """Do nothing: an answer that has ended is finished work."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def begin_counting(self) -> None:
        """Start counting tokens."""
        self._account.begin()

    def server_use(self) -> ServerUse:
        """Return what is known about the server, and the token counts."""
        metrics, counted = self._account.settled()
        found = self.server.found
        return ServerUse(
            address=self.server.address,
            name=self._account.name,
            version=self._account.version,
            served_model=self._model.name,
            managed=self.server.managed,
            interface=self._interface,
            interface_guessed=self._interface_guessed,
            exact_length=self._exact_length,
            prefix_caching=metrics.prefix_caching,
            counted=counted,
            received=self._account.received,
            processes_known=None if found is None else found.processes_known,
            gpu_unseen=None if found is None else found.unseen,
            notes=tuple(self._notes),
        )

    def _request(self, text: str) -> QueryRequest:
        plan = self._plan
        if self._interface == "completions":
            return raw_request(plan, text)
        return chat_request(plan, text, prefill=self._prefill)

    def _ask(self, request: QueryRequest, limits: TokenLimits, *, start_s: float) -> StreamedAnswer:
        body = body_of(
            request,
            model=self._model.name,
            limits=limits,
            seed=self._spec.generation.seed,
            exact_length=self._exact_length,
        )
        with self._client.stream(f"{self.server.address}{PATHS[request.interface]}", body) as parts:
            answer = read_answer(
                parts,
                elapsed_s=lambda: time.perf_counter() - start_s,
                patience_s=self._spec.request_timeout_s,
            )
        self._account.add(prompt=answer.prompt_tokens, completion=answer.completion_tokens)
        return answer

    def _within_context(self, query: PreparedQuery, limits: TokenLimits) -> TokenLimits:
        """Return the limits that fit into the model's context, once an answer has shown the prompt's length."""
        prompt_tokens = self._prompt_tokens.get(query.rendered)
        if self._model.context_length is None or prompt_tokens is None:
            return limits
        room = self._model.context_length - prompt_tokens
        if room < limits.min_new_tokens:
            raise QueryError(
                f"the prompt has {prompt_tokens} tokens and {limits.min_new_tokens} must follow, "
                f"but the served model's context holds {self._model.context_length}"
            )
        return replace(limits, max_new_tokens=min(limits.max_new_tokens, room))

    def _look_at_the_template(self) -> None:
        """See how far switches and prefill have their effect, as far as the server shows what it renders."""
        plan = self._plan
        if self._interface == "completions":
            return
        probe = TemplateProbe(self._client, model=self._model.name)
        self._shown_prompt = probe.prompt_of(plan)
        if plan.chat_template_kwargs:
            without_effect = probe.find_ineffective_switches(plan)
            if without_effect is None:
                self._note(
                    "the server does not show its prompts: whether its template has the switches was not checked"
                )
            else:
                self._is_effective = len(without_effect) < len(plan.chat_template_kwargs)
                for name in without_effect:
                    self._note(f"{name}={plan.chat_template_kwargs[name]}: changes nothing in the server's prompt")
        if self._decision.prints_date and not self.server.managed:
            self._note("the server's template prints the day of the run as today's date: another day is another prompt")
        self._prefill = probe.prefill_of(plan)

    def _settle_the_prompts(self) -> PromptUse:
        """What the report says of the prompts, once the interface is known."""
        is_raw = self._interface == "completions"
        lost = is_raw and bool(self._plan.chat_template_kwargs or self._plan.system_prompt)
        expected = None if is_raw else self._decision.render_probe()
        return self._decision.settle(
            probe=self._shown_prompt if not is_raw else None,
            is_effective=False if lost else self._is_effective,
            is_raw=is_raw,
            opens_thoughts=None if expected is None else ends_in_thoughts(expected),
        )

    def _settle_the_interface(self) -> None:
        """Send a first query to find out whether the model accepts chats, and the server a minimum length."""
        try:
            self._first_answer()
        except (HttpError, StreamError) as error:
            if self._interface == "completions" or not _may_lack_a_template(error):
                raise ModelLoadError(f"the endpoint does not answer a first query: {self._told(error)}") from error
            self._fall_back_to_raw_prompts(error)

    def _first_answer(self) -> None:
        limits = TokenLimits(1, 1)
        try:
            answer = self._ask(self._request(PROBE_TEXT), limits, start_s=time.perf_counter())
        except HttpError as error:
            if error.status != _UNPROCESSABLE or not self._exact_length:
                raise
            self._exact_length = False
            answer = self._ask(self._request(PROBE_TEXT), limits, start_s=time.perf_counter())
            self._note("the server refuses min_tokens and ignore_eos: answers have max_tokens alone")
        self._account.note_model_name(answer.model)

    def _fall_back_to_raw_prompts(self, refusal: Exception) -> None:
        if self._plan.template_fallback == "harmony":
            raise PromptRenderError(
                f"the endpoint refuses chats, and this row's reasoning state needs one: {refusal}"
            ) from refusal
        self._interface, self._prefill = "completions", ""
        try:
            self._first_answer()
        except (HttpError, StreamError) as error:
            raise ModelLoadError(
                f"the endpoint answers neither a chat nor a raw prompt: {refusal}; {self._told(error)}"
            ) from error
        self._interface_guessed = "template" not in str(refusal)
        self._note(f"queries are sent as raw prompts because the server refuses chats: {refusal}")

    def _note(self, text: str) -> None:
        log.warning("%s", text)
        self._notes.append(text)

    def _told(self, error: Exception) -> str:
        """Return the error as text; for a managed server that has exited, the reason."""
        gone = self.server.why_gone()
        return str(error) if gone is None else f"{gone} ({error})"


def _may_lack_a_template(error: Exception) -> bool:
    """Return whether a chat may have been refused because the model has no chat template.

    vLLM says so in its message (400); ``transformers serve`` fails with a plain 500.
    """
    if not isinstance(error, HttpError) or error.status is None:
        return False
    return "chat template" in str(error).lower() or error.status == _SERVER_ERROR
