"""The order of a run, on a backend that answers by rule."""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from energy_score.contract.errors import QueryError
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RepeatPolicy, RunSpec
from energy_score.engine.benchmark import Benchmark
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.query import Completion, PreparedQuery, Row, TokenLimits, WorkPhase
from tests.support.patience import PATIENCE_S

MakeSpec = Callable[..., RunSpec]


class RuleBackend:
    """Answers with as many tokens as it may; fails on texts that say so, as often as they say (``fail 2``)."""

    def __init__(self, work_phase: WorkPhase = "full") -> None:
        self.work_phase = work_phase
        self.calls: list[tuple[str, int | None]] = []
        self._failures: dict[str, int] = {}

    def load(self) -> LoadedModel:
        raise NotImplementedError

    def prepare(self, row: Row) -> PreparedQuery:
        text = row["text"]
        if text == "too long":
            raise QueryError("the prompt is too long")
        return PreparedQuery(rendered=f"<{text}>", inputs=text)

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        self.calls.append((query.inputs, limits.max_new_tokens if limits else None))
        if limits is None:
            return Completion(latency_s=0.5, output="label", prompt_tokens=len(query.inputs.split()))
        max_new_tokens = limits.max_new_tokens
        if query.inputs.startswith("fail") and max_new_tokens > 1:
            self._failures[query.inputs] = self._failures.get(query.inputs, 0) + 1
            if self._failures[query.inputs] <= int(query.inputs.split()[1]):
                raise QueryError("out of memory")
        return Completion(
            prompt_tokens=len(query.inputs.split()),
            completion_tokens=max_new_tokens,
            token_times_s=tuple(0.1 * step for step in range(1, max_new_tokens + 1)),
            latency_s=0.1 * max_new_tokens,
            finish_reason="length",
            output="answer",
        )

    def decode(self, completion: Completion) -> str:
        return str(completion.output)

    def synchronise(self) -> None:
        """Nothing is queued."""


def policy(**changes: object) -> RepeatPolicy:
    plain: dict[str, object] = {
        "protocol": "quick", "repeats": 1, "discarded_repeats": 0, "min_phase_s": 0, "idle_baseline_s": 0,
    }  # fmt: skip
    return RepeatPolicy.model_validate(plain | changes)


def run(spec: RunSpec, *texts: str, work_phase: WorkPhase = "full") -> tuple[Benchmark, RuleBackend, Measurement, str]:
    backend, stream = RuleBackend(work_phase), io.StringIO()
    rows = [{"text": text} for text in texts]
    measurement = Measurement([], synchronise=backend.synchronise)
    benchmark = Benchmark(spec=spec, backend=backend, rows=rows, measurement=measurement, events=EventStream(stream))
    benchmark.warm_up()
    benchmark.measure()
    return benchmark, backend, measurement, stream.getvalue()


def test_a_repeat_measures_preparation_prefill_with_one_token_and_the_full_answer(make_spec: MakeSpec) -> None:
    _, backend, measurement, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=0), "a", "b c")
    assert [window.phase for window in measurement.windows] == ["preprocess", "prefill", "full"]
    assert backend.calls == [("a", 1), ("b c", 1), ("a", 10), ("b c", 10)]


@pytest.mark.parametrize("work_phase", ["forward", "call"])
def test_work_without_tokens_is_one_pass_and_has_no_token_counts(make_spec: MakeSpec, work_phase: WorkPhase) -> None:
    spec = make_spec(repeat_policy=policy(repeats=2), warmup_query_count=1)
    benchmark, backend, measurement, _ = run(spec, "a", "b c", work_phase=work_phase)
    assert [window.phase for window in measurement.windows] == ["preprocess", work_phase] * 2
    assert backend.calls == [("a", None)] * 2 + [("b c", None), ("a", None), ("b c", None)]
    assert benchmark.planned_query_count == 4
    tokens, statistics = benchmark.log.tokens(), benchmark.log.statistics()
    assert (tokens.prompt, tokens.completion, tokens.completion_min, tokens.total) == (3, None, None, 3)
    assert (statistics.succeeded, statistics.mean_latency_s, statistics.mean_time_to_first_token_s) == (2, 0.5, None)
    assert statistics.inter_token_latency_p50_s is None


def test_a_count_that_one_answer_lacks_is_no_count(make_spec: MakeSpec) -> None:
    benchmark, _, _, _ = run(make_spec(repeat_policy=policy()), "a", "b")
    benchmark.log.records[1].prompt_tokens = None
    assert benchmark.log.tokens().prompt is None


def test_the_order_of_prefill_and_full_alternates_between_repeats(make_spec: MakeSpec) -> None:
    _, _, measurement, _ = run(make_spec(repeat_policy=policy(repeats=2), warmup_query_count=0), "a")
    phases = [(window.repeat, window.phase) for window in measurement.windows if window.phase != "preprocess"]
    assert phases == [(1, "prefill"), (1, "full"), (2, "full"), (2, "prefill")]


def test_adaptive_repeats_go_on_until_the_policy_says_stop(make_spec: MakeSpec) -> None:
    """Without any energy no interval can be had, so the least number is enough."""
    adaptive = policy(repeats=5, ci_target=0.01, max_repeats=20)
    _, _, measurement, _ = run(make_spec(repeat_policy=adaptive, warmup_query_count=0), "a")
    assert len([window for window in measurement.windows if window.phase == "full"]) == 5


def test_discarded_repeats_and_the_idle_baseline_are_not_counted(make_spec: MakeSpec) -> None:
    spec = make_spec(repeat_policy=policy(repeats=2, discarded_repeats=1, idle_baseline_s=0.001))
    benchmark, _, measurement, _ = run(spec, "a")
    assert [window.counted for window in measurement.windows if window.phase == "full"] == [False, True, True]
    idle = [window for window in measurement.windows if window.phase == "idle"]
    assert [window.counted for window in idle] == [False, False]
    assert benchmark.log.records[0].measured_count == 2


def test_warm_up_runs_before_any_window_and_goes_through_a_small_data_set_again(make_spec: MakeSpec) -> None:
    _, backend, _, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=3), "a", "b")
    assert [text for text, _ in backend.calls[:3]] == ["a", "b", "a"]


def test_times_and_tokens_are_those_of_one_pass(make_spec: MakeSpec) -> None:
    benchmark, _, _, _ = run(make_spec(repeat_policy=policy(repeats=3)), "a", "b c")
    statistics, tokens = benchmark.log.statistics(), benchmark.log.tokens()
    assert (tokens.prompt, tokens.completion, tokens.completion_min, tokens.completion_max) == (3, 20, 10, 10)
    assert statistics.mean_latency_s == pytest.approx(1.0)
    assert statistics.mean_time_to_first_token_s == pytest.approx(0.1)
    assert statistics.inter_token_latency_p50_s == pytest.approx(0.1, rel=0.006)


class FadingBackend(RuleBackend):
    """Answers shorter from time to time, as a server may: full answers of 10, 6 and 5 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self._lengths = iter((10, 6, 5))

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        completion = super().answer(query, limits)
        if completion.completion_tokens == 1:
            return completion
        return replace(completion, completion_tokens=next(self._lengths))


def test_the_tokens_of_an_answer_are_the_mean_of_its_passes_as_its_energy_is(make_spec: MakeSpec) -> None:
    backend = FadingBackend()
    measurement = Measurement([], synchronise=backend.synchronise)
    benchmark = Benchmark(
        spec=make_spec(repeat_policy=policy(repeats=3), warmup_query_count=0), backend=backend, rows=[{"text": "a"}],
        measurement=measurement, events=EventStream(io.StringIO()),
    )  # fmt: skip
    benchmark.warm_up()
    benchmark.measure()
    tokens = benchmark.log.tokens()
    assert (tokens.completion, tokens.completion_min, tokens.completion_max) == (7, 5, 10)


def test_a_query_that_fails_once_has_its_window_measured_again(make_spec: MakeSpec) -> None:
    benchmark, _, measurement, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=0), "a", "fail 1")
    statistics = benchmark.log.statistics()
    assert (statistics.succeeded, statistics.failed, statistics.retried) == (2, 0, 0)
    assert [record.measured_count for record in benchmark.log.records] == [1, 1]
    (repair,) = measurement.repairs.all()
    assert (repair.kind, repair.subject, repair.cause, repair.count) == (
        "window",
        "full, repeat 1",
        "query 1 failed",
        1,
    )
    assert [window.defects for window in measurement.windows] == [(), (), ()]


def test_a_query_that_fails_in_all_three_tries_is_retried_outside_the_statistics(make_spec: MakeSpec) -> None:
    benchmark, _, measurement, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=0), "a", "fail 3")
    statistics = benchmark.log.statistics()
    assert (statistics.succeeded, statistics.failed, statistics.retried) == (2, 0, 1)
    assert [record.measured_count for record in benchmark.log.records] == [1, 0]
    assert measurement.windows[-1].defects == ("query 1 failed",)


def test_a_query_that_fails_in_a_discarded_repeat_alone_leaves_no_trace(make_spec: MakeSpec) -> None:
    spec = make_spec(repeat_policy=policy(discarded_repeats=1), warmup_query_count=0)
    benchmark, _, measurement, _ = run(spec, "a", "fail 1")
    assert (benchmark.log.statistics().retried, measurement.repairs.all()) == (0, ())


def test_a_query_that_failed_in_the_discarded_repeat_too_does_not_cost_three_passes(make_spec: MakeSpec) -> None:
    spec = make_spec(repeat_policy=policy(discarded_repeats=1), warmup_query_count=0)
    benchmark, backend, measurement, _ = run(spec, "a", "fail 9")
    assert (benchmark.log.statistics().failed, measurement.repairs.all()) == (1, ())
    assert backend.calls.count(("a", 10)) == 2


def test_the_queries_are_shuffled_by_seed_and_repeat_where_the_spec_says_so(make_spec: MakeSpec) -> None:
    texts = [str(number) for number in range(20)]
    spec = make_spec(repeat_policy=policy(repeats=2, shuffle_queries=True), warmup_query_count=0)
    _, first, _, _ = run(spec, *texts)
    _, again, _, _ = run(spec, *texts)
    assert first.calls == again.calls
    orders = [[text for text, tokens in first.calls[at : at + 20]] for at in range(0, 80, 20)]
    # Prefill and full of a repeat share an order; the second repeat begins with full.
    assert orders[0] == orders[1] != orders[2] == orders[3]
    assert all(sorted(order) == sorted(texts) for order in orders)


def test_a_query_that_fails_twice_counts_as_failed_and_the_others_go_on(make_spec: MakeSpec) -> None:
    benchmark, _, _, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=0), "fail 9", "a")
    statistics = benchmark.log.statistics()
    assert (statistics.asked, statistics.succeeded, statistics.failed) == (2, 1, 1)
    assert statistics.first_error == "out of memory"
    assert benchmark.log.tokens().completion == 10


def test_a_query_that_cannot_be_prepared_fails_without_being_run(make_spec: MakeSpec) -> None:
    benchmark, backend, _, _ = run(make_spec(repeat_policy=policy()), "too long", "a")
    assert {text for text, _ in backend.calls} == {"a"}
    assert benchmark.log.statistics().first_error == "the prompt is too long"
    assert benchmark.first_prompt() == "<a>"


@pytest.mark.parametrize("texts", [("too long",), ("fail 99", "fail 98")])
def test_a_run_without_any_answer_is_a_failure(make_spec: MakeSpec, texts: tuple[str, ...]) -> None:
    with pytest.raises(QueryError):
        run(make_spec(repeat_policy=policy(), warmup_query_count=1), *texts)


def test_a_run_whose_warm_up_queries_all_fail_ends_before_any_window(make_spec: MakeSpec) -> None:
    backend = RuleBackend()
    measurement = Measurement([], synchronise=backend.synchronise)
    benchmark = Benchmark(
        spec=make_spec(repeat_policy=policy(), warmup_query_count=2), backend=backend,
        rows=[{"text": text} for text in ("fail 1", "fail 2", "a")], measurement=measurement,
        events=EventStream(io.StringIO()),
    )  # fmt: skip
    with pytest.raises(QueryError, match=r"^not one of 2 warm-up queries was answered: out of memory$"):
        benchmark.warm_up()
    assert [text for text, _ in backend.calls] == ["fail 1", "fail 2"]
    assert measurement.windows == []


def test_one_answered_warm_up_query_is_enough_to_go_on(make_spec: MakeSpec) -> None:
    benchmark, _, measurement, _ = run(make_spec(repeat_policy=policy(), warmup_query_count=2), "fail 1", "a")
    assert [window.phase for window in measurement.windows] == ["preprocess", "prefill", "full"]
    assert benchmark.log.statistics().failed == 0


def test_texts_are_kept_only_when_asked_for(make_spec: MakeSpec) -> None:
    silent, _, _, _ = run(make_spec(repeat_policy=policy()), "a")
    keeping, _, _, _ = run(make_spec(repeat_policy=policy(), save_text=True), "a")
    assert silent.answers() == []
    assert [(answer.index, answer.rendered, answer.completion) for answer in keeping.answers()] == [
        (0, "<a>", "answer")
    ]


def test_progress_tells_how_far_the_run_is(make_spec: MakeSpec) -> None:
    _, _, _, events = run(make_spec(repeat_policy=policy(), warmup_query_count=0), "a")
    event = json.loads(events.splitlines()[0])
    assert event["event"] == "progress"
    assert (event["queries_done"], event["queries_planned"], event["gpu_energy_j"]) == (1, 2, None)


class SlowBackend(RuleBackend):
    """Answers nothing before three are under way, and the first query last; knows how many are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        self._three_are_under_way, self._others_are_answered = threading.Event(), threading.Semaphore(0)

    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        with self._lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            if self.under_way == 3:
                self._three_are_under_way.set()
        assert self._three_are_under_way.wait(PATIENCE_S)
        if query.inputs == "a b c d":
            for _ in range(3):
                assert self._others_are_answered.acquire(timeout=PATIENCE_S)
        with self._lock:
            self.under_way -= 1
            self._others_are_answered.release()
            return super().answer(query, limits)


def test_as_many_queries_are_under_way_as_the_spec_says_and_each_keeps_its_own_answer(make_spec: MakeSpec) -> None:
    backend, texts = SlowBackend(), ["a b c d", "fail 9", "a b", "a"]
    spec = make_spec(repeat_policy=policy(), warmup_query_count=0, concurrency=3)
    measurement = Measurement([], synchronise=backend.synchronise)
    rows = [{"text": text} for text in texts]
    benchmark = Benchmark(
        spec=spec, backend=backend, rows=rows, measurement=measurement, events=EventStream(io.StringIO())
    )
    benchmark.warm_up()
    benchmark.measure()
    assert backend.most_under_way == 3
    assert [record.prompt_tokens for record in benchmark.log.records] == [4, None, 2, 1]
    assert [record.error for record in benchmark.log.records] == [None, "out of memory", None, None]
    assert benchmark.log.statistics().succeeded == 3
