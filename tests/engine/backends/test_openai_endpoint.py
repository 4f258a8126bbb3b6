"""The endpoint backend against a server in this process that speaks both dialects."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from energy_score.contract.errors import (
    EnvironmentNotReadyError,
    ModelLoadError,
    PromptRenderError,
    QueryError,
    UsageError,
)
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import GenerationSettings, RunSpec
from energy_score.contract.server_use import ServerTokens
from energy_score.engine.backends.backend import Served
from energy_score.engine.backends.openai_endpoint import OpenAIEndpointBackend
from energy_score.engine.backends.registry import open_backend
from energy_score.engine.query import TokenLimits
from tests.support.endpoint_server import MODEL, EndpointServer, Script, endpoint_server
from tests.support.patience import PATIENCE_S
from tests.support.stand_in_server import unused_port

MakeSpec = Callable[..., RunSpec]
Serve = Callable[..., EndpointServer]
Connect = Callable[..., OpenAIEndpointBackend]

DIALECTS = [Script(), Script(dialect="transformers", takes_min_tokens=False, shows_prompts=False)]
THINKING = PromptPlan(chat_template_kwargs={"enable_thinking": True})


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script=None: stack.enter_context(endpoint_server(script))


@pytest.fixture
def connect(make_spec: MakeSpec) -> Iterator[Connect]:
    opened: list[OpenAIEndpointBackend] = []

    def connected(address: str, **changes: object) -> OpenAIEndpointBackend:
        spec: dict[str, object] = {
            "model_id": MODEL, "revision": None, "backend": "vllm", "endpoint": address,
            "request_timeout_s": PATIENCE_S,
            "generation": GenerationSettings(max_new_tokens=10, min_new_tokens=10, dtype="bfloat16", seed=42),
        }  # fmt: skip
        backend = OpenAIEndpointBackend(make_spec(**(spec | changes)))
        opened.append(backend)
        backend.load()
        return backend

    yield connected
    for backend in opened:
        backend.close()


@pytest.mark.parametrize("script", DIALECTS, ids=["vllm", "transformers"])
@pytest.mark.parametrize("plan", [PromptPlan(), PromptPlan(raw=True)], ids=["chat", "raw"])
def test_an_answer_has_the_servers_counts_and_a_time_for_each_token(
    serve: Serve, connect: Connect, script: Script, plan: PromptPlan
) -> None:
    backend = connect(serve(script).address, prompt_plan=plan)
    completion = backend.answer(backend.prepare({"text": "hi"}), TokenLimits(10, 10))
    assert (completion.prompt_tokens, completion.completion_tokens) == (2 if plan.raw else len("<user>hi"), 10)
    assert len(completion.token_times_s) == 10
    assert list(completion.token_times_s) == sorted(completion.token_times_s)
    assert 0 < completion.token_times_s[0] <= completion.latency_s
    assert completion.finish_reason == "length"
    assert backend.decode(completion).endswith("\u20288\u20289")


def test_a_request_is_greedy_seeded_streamed_and_of_exactly_n_tokens(serve: Serve, connect: Connect) -> None:
    server = serve()
    backend = connect(server.address)
    backend.answer(backend.prepare({"text": "hi"}), TokenLimits(10, 10))
    body = server.queries[-1]
    assert (body["temperature"], body["seed"], body["stream"]) == (0, 42, True)
    assert (body["max_tokens"], body["min_tokens"], body["ignore_eos"]) == (10, 10, True)
    assert body["stream_options"] == {"include_usage": True}
    backend.answer(backend.prepare({"text": "hi"}), TokenLimits(1, 10))
    assert (server.queries[-1]["min_tokens"], server.queries[-1]["ignore_eos"]) == (1, False)


def test_switches_travel_beside_the_messages_and_never_in_the_users_text(serve: Serve, connect: Connect) -> None:
    plan = PromptPlan(system_prompt="Be brief.", chat_template_kwargs={"reasoning_effort": "high"})
    server = serve()
    backend = connect(server.address, prompt_plan=plan)
    query = backend.prepare({"text": "What?"})
    backend.answer(query, TokenLimits(1, 5))
    body = server.queries[-1]
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What?"}]
    assert (body["chat_template_kwargs"], body["reasoning_effort"]) == ({"reasoning_effort": "high"}, "high")
    assert json.loads(query.rendered) == {
        name: body[name] for name in ("messages", "chat_template_kwargs", "reasoning_effort")
    }


def test_what_a_server_does_not_tell_of_its_model_is_none(serve: Serve, connect: Connect) -> None:
    assert connect(serve().address).load() == LoadedModel(
        commit=None, dtype=None, devices=None, parameter_count=None, attention=None, random_weights=None,
        offloaded=None, context_length=64,
    )  # fmt: skip


def test_the_registry_opens_it_as_a_served_backend(make_spec: MakeSpec) -> None:
    backend = open_backend(make_spec(backend="vllm", endpoint="http://127.0.0.1:1/v1"))
    assert isinstance(backend, Served)
    backend.close()


def test_a_backend_of_one_query_at_a_time_refuses_more_by_name(make_spec: MakeSpec) -> None:
    with pytest.raises(UsageError, match=r"'pytorch' answers one query at a time. For concurrency 2, use vllm"):
        open_backend(make_spec(concurrency=2))


def test_a_server_without_min_tokens_gets_max_tokens_alone_and_that_is_told(serve: Serve, connect: Connect) -> None:
    server = serve(Script(takes_min_tokens=False, ends_after=4))
    backend = connect(server.address)
    completion = backend.answer(backend.prepare({"text": "hi"}), TokenLimits(10, 10))
    assert (completion.completion_tokens, completion.finish_reason) == (4, "stop")
    assert not {"min_tokens", "ignore_eos"} & server.queries[-1].keys()
    use = backend.server_use()
    assert not use.exact_length
    assert any("min_tokens" in note for note in use.notes)


@pytest.mark.parametrize(
    ("script", "guessed"),
    [
        (Script(has_template=False), False),
        (Script(dialect="transformers", has_template=False, takes_min_tokens=False, shows_prompts=False), True),
    ],
    ids=["vllm", "transformers"],
)
def test_a_model_without_a_chat_template_gets_the_raw_prompt(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture, script: Script, guessed: bool  # noqa: FBT001
) -> None:  # fmt: skip
    server = serve(script)
    backend = connect(server.address, prompt_plan=PromptPlan(raw_prefix="<think>"))
    backend.answer(backend.prepare({"text": "hi"}), TokenLimits(1, 2))
    assert server.queries[-1]["prompt"] == "<think>hi"
    use = backend.server_use()
    assert (use.interface, use.interface_guessed) == ("completions", guessed)
    assert caplog.text.count("queries are sent as raw prompts") == 1


@pytest.mark.parametrize("plan", [THINKING, PromptPlan(system_prompt="/no_think")])
def test_a_raw_prompt_does_not_express_a_mode_that_needs_a_template(
    serve: Serve, connect: Connect, plan: PromptPlan
) -> None:
    server = serve(Script(has_template=False, shows_prompts=False))
    use = connect(server.address, prompt_plan=plan, reasoning=ReasoningMode.ON, reasoning_state="On").prompt_use
    assert use is not None
    assert use.expressed is False
    assert server.queries[-1]["prompt"] == "What is energy?"


def test_a_raw_prompt_is_not_sent_in_place_of_harmony(serve: Serve, connect: Connect) -> None:
    plan = PromptPlan(template_fallback="harmony")
    with pytest.raises(PromptRenderError, match=r"this row's reasoning state needs one: .* chat template"):
        connect(serve(Script(has_template=False, shows_prompts=False)).address, prompt_plan=plan)


def test_a_switch_without_effect_is_seen_where_the_server_shows_its_prompts(serve: Serve, connect: Connect) -> None:
    changes: dict[str, Any] = {"prompt_plan": THINKING, "reasoning": ReasoningMode.ON, "reasoning_state": "On"}
    deaf = connect(serve(Script(switches=())).address, **changes)
    assert deaf.prompt_use is not None
    assert deaf.prompt_use.expressed is False
    assert "enable_thinking=True: changes nothing in the server's prompt" in deaf.server_use().notes
    hearing = connect(serve().address, **changes)
    assert hearing.prompt_use is not None
    assert hearing.prompt_use.expressed is True
    assert hearing.prompt_use.probe_sha256 is not None
    silent = connect(serve(Script(switches=(), shows_prompts=False)).address, **changes)
    assert any("was not checked" in note for note in silent.server_use().notes)
    assert silent.prompt_use is not None
    assert (silent.prompt_use.expressed, silent.prompt_use.probe_sha256) == (None, None)


def test_an_answer_is_begun_only_where_the_template_does_not_begin_it(serve: Serve, connect: Connect) -> None:
    plan = PromptPlan(assistant_prefill="<think>\n")
    plain, opening = serve(), serve(Script(opened_by_template="<think>"))
    backend = connect(plain.address, prompt_plan=plan)
    backend.answer(backend.prepare({"text": "hi"}), TokenLimits(1, 2))
    assert plain.queries[-1]["messages"][-1] == {"role": "assistant", "content": "<think>\n"}
    assert plain.queries[-1]["continue_final_message"] is True
    backend = connect(opening.address, prompt_plan=plan)
    backend.answer(backend.prepare({"text": "hi"}), TokenLimits(1, 2))
    assert [message["role"] for message in opening.queries[-1]["messages"]] == ["user"]
    with pytest.raises(PromptRenderError, match="must begin with '<think>', and this server does not show"):
        connect(serve(Script(shows_prompts=False)).address, prompt_plan=plan)


@pytest.mark.parametrize("name", ["tiny/model", "tiny/model@main", "model", "./tiny/model", "/models/tiny/model"])
def test_a_model_is_found_by_every_name_it_may_be_served_under(serve: Serve, connect: Connect, name: str) -> None:
    folder = {} if name.startswith("tiny/model@") else {"model_id": "./tiny/model", "model_path": "/models/tiny/model"}
    server = serve(Script(models=("other/model", name)))
    assert connect(server.address, **folder).server_use().served_model == name


def test_a_model_that_is_not_served_is_refused_with_what_is(serve: Serve, connect: Connect) -> None:
    with pytest.raises(ModelLoadError, match=r"^tiny/model is not served at the endpoint, which serves a/b, c/d$"):
        connect(serve(Script(models=("a/b", "c/d"))).address)


def test_an_answer_past_the_context_is_cut_to_it_and_a_prompt_past_it_fails(serve: Serve, connect: Connect) -> None:
    server = serve(Script(max_model_len=20))
    backend = connect(server.address)
    short, long = (backend.prepare({"text": text}) for text in ("hi", "a prompt of this length"))
    for query in (short, long):
        backend.answer(query, TokenLimits(1, 1))
    completion = backend.answer(short, TokenLimits(1, 100))
    assert (completion.completion_tokens, completion.finish_reason) == (20 - len("<user>hi"), "context")
    with pytest.raises(QueryError, match=r"the prompt has 29 tokens and 1 must follow, but .* context holds 20"):
        backend.answer(long, TokenLimits(1, 100))


def test_the_servers_counters_stand_beside_what_was_received(serve: Serve, connect: Connect) -> None:
    backend = connect(serve().address)
    backend.answer(backend.prepare({"text": "warm-up"}), TokenLimits(1, 5))
    backend.begin_counting()
    for text in ("hi", "hello"):
        backend.answer(backend.prepare({"text": text}), TokenLimits(10, 10))
    use = backend.server_use()
    assert use.received == ServerTokens(prompt=len("<user>hi<user>hello"), completion=20)
    assert use.counted == use.received
    assert (use.name, use.version, use.prefix_caching, use.managed) == ("vllm", "0.32.0", False, False)


def test_a_server_that_tells_little_is_known_by_what_it_does(serve: Serve, connect: Connect) -> None:
    use = connect(serve(DIALECTS[1]).address).server_use()
    assert (use.name, use.version, use.prefix_caching, use.counted) == ("transformers serve", None, None, None)


@pytest.mark.parametrize("told", [True, False])
def test_prefix_caching_is_what_the_server_says(serve: Serve, connect: Connect, told: bool) -> None:  # noqa: FBT001
    assert connect(serve(Script(prefix_caching=told)).address).server_use().prefix_caching is told


def test_an_endpoint_that_nobody_serves_is_no_model(connect: Connect) -> None:
    with pytest.raises(ModelLoadError, match=r"does not list its models: .*nothing is listening there"):
        connect(f"http://127.0.0.1:{unused_port()}/v1")


def test_a_spec_without_a_server_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(EnvironmentNotReadyError, match="needs an endpoint or a server command"):
        OpenAIEndpointBackend(make_spec(backend="vllm"))
