"""A stream is read the same however the network cut it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from energy_score.contract.server_use import ServerTokens
from energy_score.engine.endpoint.answer_stream import StreamError, read_answer
from energy_score.engine.endpoint.metrics import ServerMetrics, parse_metrics


def event(choice: dict[str, Any] | None, **more: Any) -> str:
    return f"data: {json.dumps({'choices': [choice] if choice else []} | more, ensure_ascii=False)}\n\n"


STREAM = "".join((
    ": a comment\r\n\r\n",
    event({"delta": {"role": "assistant"}}),
    event({"delta": {"reasoning": "hm\u2028"}}),
    event({"delta": {"reasoning_content": "…"}}),
    event({"delta": {"content": "\x85 né"}, "finish_reason": "stop"}),
    event(None, usage={"prompt_tokens": 7, "completion_tokens": 3}),
    "data: [DONE]\n\n",
    "data: never read\n\n",
)).encode()  # fmt: skip


def clock() -> Iterator[float]:
    now_s = 0.0
    while True:
        now_s += 1.0
        yield now_s


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_the_answer_is_the_same_in_pieces_of_any_size(size: int) -> None:
    ticks = clock()
    parts = [STREAM[start : start + size] for start in range(0, len(STREAM), size)]
    answer = read_answer(parts, elapsed_s=lambda: next(ticks), patience_s=1e9)
    assert (answer.text, answer.finish_reason) == ("hm\u2028…\x85 né", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 3)
    assert len(answer.token_times_s) == 3
    assert list(answer.token_times_s) == sorted(answer.token_times_s)


def test_what_came_before_the_first_token_is_no_token() -> None:
    ticks = clock()
    one_token = STREAM.replace(b'"completion_tokens": 3', b'"completion_tokens": 1')
    answer = read_answer([one_token], elapsed_s=lambda: next(ticks), patience_s=1e9)
    assert len(answer.token_times_s) == 1
    none = read_answer(
        [STREAM.replace(b'"completion_tokens": 3', b'"completion_tokens": 0')], elapsed_s=lambda: 0, patience_s=1
    )
    assert none.token_times_s == ()


def test_a_last_event_without_a_line_end_is_read_too() -> None:
    whole = event({"text": "a", "finish_reason": "length"}, usage={"prompt_tokens": 1, "completion_tokens": 1})
    assert read_answer([whole.strip().encode()], elapsed_s=lambda: 0, patience_s=1).text == "a"


@pytest.mark.parametrize("counts", [{}, {"prompt_tokens": 1.5, "completion_tokens": 1}, {"prompt_tokens": -1}])
def test_a_usage_that_counts_nothing_is_refused(counts: dict[str, Any]) -> None:
    with pytest.raises(StreamError, match="the usage holds no token counts"):
        read_answer([event(None, usage=counts).encode()], elapsed_s=lambda: 0, patience_s=1)


# As vLLM 0.32.0 writes them, shortened.
METRICS = """\
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="tiny/a \\"quoted\\" {x}"} 31.0
vllm:prompt_tokens_total{engine="1",model_name="tiny/a"} 1.2e+03
vllm:generation_tokens_total{engine="0",model_name="tiny/a"} 6.0
vllm:generation_tokens_created{engine="0",model_name="tiny/a"} 1.7955156460010645e+09
vllm:prefix_cache_queries_total{engine="0",model_name="tiny/a"} 0.0
vllm:cache_config_info{block_size="128",enable_prefix_caching="False",engine="0"} 1.0
"""


def test_metrics_are_summed_over_engines() -> None:
    assert parse_metrics(METRICS) == ServerMetrics(ServerTokens(prompt=1231, completion=6), prefix_caching=False)


def test_prefix_caching_is_on_where_one_engine_says_so_or_looks_into_its_cache() -> None:
    assert parse_metrics(METRICS.replace('caching="False"', 'caching="True"')).prefix_caching is True
    told_nothing = METRICS.partition("vllm:cache_config_info")[0]
    assert parse_metrics(told_nothing).prefix_caching is None
    assert parse_metrics(told_nothing.replace('"tiny/a"} 0.0', '"tiny/a"} 9.0')).prefix_caching is True


@pytest.mark.parametrize("text", ["", "<html>nothing here</html>", "vllm:prompt_tokens_total NaN\n", "{} {}"])
def test_metrics_that_say_nothing_are_unknown(text: str) -> None:
    assert parse_metrics(text) == ServerMetrics()


def test_an_event_without_an_end_is_not_gathered_for_ever() -> None:
    endless = (b"data: " + b"x" * 2**20 for _ in range(1000))
    with pytest.raises(StreamError, match="an event of more than 16777216 bytes"):
        read_answer(endless, elapsed_s=lambda: 0.0, patience_s=1)
