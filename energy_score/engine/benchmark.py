"""The order of a run: prepare, warm up, measure phase by phase, retry what failed."""

import gc
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count

from energy_score.contract.errors import QueryError
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.backend import AsksPrompts, Backend
from energy_score.engine.events import EventStream
from energy_score.engine.measurement import Measurement
from energy_score.engine.query import Completion, PreparedQuery, Row, TokenLimits
from energy_score.engine.query_log import QueryLog
from energy_score.engine.query_trial import QueryTrial
from energy_score.engine.stopping import StopRequest
from energy_score.engine.unquoted import hide_query_text
from energy_score.shared.analysis.settling import unsettled_repeats
from energy_score.shared.analysis.statistics import should_stop

log = logging.getLogger(__name__)

# Warm-up fills caches and starts kernels; it needs no long answers.
_WARMUP_NEW_TOKENS = 32
# Ten updates of a counter at 100 ms, the slowest known (METHOD.md, "Energy, phase by phase").
_CALIBRATION_S = 1.0


@dataclass(frozen=True)
class Answer:
    """The text of one query, kept with ``--save-text`` only."""

    index: int
    rendered: str
    completion: str


class Benchmark:
    """Runs all queries of one spec through one loaded backend."""

    def __init__(
        self,
        *,
        spec: RunSpec,
        backend: Backend,
        rows: Sequence[Row],
        measurement: Measurement,
        events: EventStream,
        stop: StopRequest | None = None,
        power_w: Callable[[], float | None] = lambda: None,
        calibrate_under_load: Callable[[], AbstractContextManager[bool | None]] = nullcontext,
    ) -> None:
        self._spec = spec
        self._backend = backend
        self._rows = rows
        self._measurement = measurement
        self._events = events
        self._stop = stop or StopRequest()
        self._power_w = power_w
        self._calibrate_under_load = calibrate_under_load
        self._prepared: list[PreparedQuery | None] = [None] * len(rows)
        self._kept: dict[int, Completion] = {}
        self._done_count = 0
        self._order = list(range(len(rows)))
        self.log = QueryLog.of(len(rows))
        self._trial = QueryTrial(self.log)

    def warm_up(self) -> None:
        """Prepare every query once, then answer the first few outside any window.

        Raises:
            QueryError: not one query can be prepared, or not one of the warm-up queries answered.
        """
        self._prepare_all()
        runnable = [query for query in self._prepared if query is not None]
        if not runnable:
            raise QueryError(f"no query can be prepared; the first says: {self.log.records[0].error}")
        errors: list[QueryError] = []
        number = 0
        with self._calibrate_under_load() as calibrates:
            begin_s = time.monotonic()
            while number < self._spec.warmup_query_count or (
                calibrates and number > 0 and time.monotonic() - begin_s < _CALIBRATION_S
            ):
                try:
                    with self._stop.query():  # a small dataset is passed again
                        self._answer(runnable[number % len(runnable)], self._limits(at_most=_WARMUP_NEW_TOKENS))
                except QueryError as error:
                    errors.append(error)
                number += 1
        if errors and len(errors) == number:
            raise QueryError(f"not one of {len(errors)} warm-up queries was answered: {errors[0]}")
        # What is loaded and prepared stays in use, so the collector does not have to scan it inside a window.
        gc.collect()
        gc.freeze()

    def measure(self) -> None:
        """All repeats of all phases, the idle baseline before and after, then the retries."""
        policy = self._spec.repeat_policy
        self._measure_idle()
        for repeat in count(1):
            self._measure_repeat(repeat, counted=repeat > policy.discarded_repeats)
            if not should_stop(self._measurement.windows, policy):
                continue
            unsettled = unsettled_repeats(self._measurement.windows, policy)
            if unsettled:
                log.info("the GPU had not settled: repeats %s are discarded too", ", ".join(map(str, unsettled)))
                self._measurement.discard(unsettled)
            if should_stop(self._measurement.windows, policy):
                break
        self._measure_idle()
        self._retry_failed()
        self._note_thoughts()
        if not any(self.log.successes()):
            raise QueryError(f"all {len(self._rows)} queries failed; the first says: {self.log.records[0].error}")

    def _measure_repeat(self, repeat: int, *, counted: bool) -> None:
        policy = self._spec.repeat_policy
        if policy.shuffle_queries:
            # Work in another order meets the sensor otherwise; the seed and the repeat say which order it was.
            self._order = list(range(len(self._rows)))
            random.Random(f"{self._spec.generation.seed}/{repeat}").shuffle(self._order)  # noqa: S311 - no secret
        work = self._work_pass if counted else self._uncounted_work_pass
        passes = [("prefill", self._prefill_pass)] if self._generates else []
        passes.append((self._backend.work_phase, work))
        # The order alternates, so that a slow drift does not lean on decode = full - prefill.
        for phase, run_pass in [("preprocess", self._prepare_all), *passes[:: 1 if repeat % 2 else -1]]:
            log.info("phase=%s repeat=%d counted=%s", phase, repeat, counted)
            self._measurement.measure(
                phase,
                run_pass,
                repeat=repeat,
                counted=counted,
                query_count=len(self._rows),
                min_duration_s=policy.min_phase_s,
                trial=self._trial,
            )
            if not counted:
                self._trial.forget_failures()

    def first_prompt(self) -> str:
        """The first query that could be prepared, as rendered."""
        return next(query.rendered for query in self._prepared if query is not None)

    def answers(self) -> list[Answer]:
        """Prompts and answers as text, where the spec asks to keep them."""
        answers: list[Answer] = []
        if not self._spec.save_text:
            return answers
        for index, completion in sorted(self._kept.items()):
            query = self._prepared[index]
            if query is not None:
                answers.append(Answer(index, query.rendered, self._backend.decode(completion)))
        return answers

    def _note_thoughts(self) -> None:
        """Look at the last counted answer of each query, outside of every window."""
        if not isinstance(self._backend, AsksPrompts) or self._backend.prompt_use is None:
            return
        for index, completion in self._kept.items():
            self.log.records[index].note_thoughts(self._backend.find_thoughts(completion))

    def _prepare_all(self) -> None:
        for index, row in enumerate(self._rows):
            begin_s = time.monotonic()
            try:
                with hide_query_text(" ".join(cell for cell in row.values() if isinstance(cell, str))):
                    self._prepared[index] = self._backend.prepare(row)
            except QueryError as error:
                self.log.records[index].error = str(error)
            self._trial.note_time("preprocess", index, duration_s=time.monotonic() - begin_s, tokens=None)

    def _prefill_pass(self) -> None:
        self._each_query(lambda query: self._answer(query, self._limits(at_most=1)), phase="prefill")

    def _work_pass(self) -> None:
        def note(index: int, query: PreparedQuery, completion: Completion) -> None:
            self.log.note_measured(index, query, completion)
            self._kept[index] = completion

        self._each_query(self._answer_in_full, phase=self._backend.work_phase, note=note)

    def _uncounted_work_pass(self) -> None:
        self._each_query(self._answer_in_full, phase=self._backend.work_phase)

    def _each_query(
        self,
        answer: Callable[[PreparedQuery], Completion],
        *,
        phase: str,
        note: Callable[[int, PreparedQuery, Completion], None] | None = None,
    ) -> None:
        runnable = [(index, query) for index in self._order if (query := self._prepared[index]) is not None]
        outcomes = self._outcomes(answer, [query for _, query in runnable])
        for (index, query), (outcome, duration_s) in zip(runnable, outcomes, strict=True):
            if isinstance(outcome, Completion):
                if note is not None:
                    note(index, query, outcome)
            else:
                if self.log.records[index].error is None:
                    log.warning("query failed: index=%d phase=%s error=%s", index, phase, outcome)
                self.log.records[index].error = str(outcome)
            if duration_s is not None:
                tokens = outcome.completion_tokens if isinstance(outcome, Completion) else None
                self._trial.note_time(phase, index, duration_s=duration_s, tokens=tokens)
            self._done_count += 1
            self._events.progress(
                lambda: {
                    "phase": phase,
                    "queries_done": self._done_count,
                    "queries_planned": self.planned_query_count,
                    "gpu_energy_j": self._measurement.energy_j("gpu"),
                    "cpu_energy_j": self._measurement.energy_j("cpu"),
                    "gpu_power_w": self._power_w(),
                }
            )

    def _outcomes(
        self, answer: Callable[[PreparedQuery], Completion], queries: Sequence[PreparedQuery]
    ) -> Iterator[tuple[Completion | QueryError, float | None]]:
        """What became of each query, in order; as many are under way at a time as the spec says.

        With it how long it took, in s; None if several shared the time.
        """

        def attempt(query: PreparedQuery) -> Completion | QueryError:
            try:
                return answer(query)
            except QueryError as error:
                return error

        if self._spec.concurrency == 1:
            for number, query in enumerate(queries):
                if number > 0:
                    self._measurement.pause_between_queries()
                begin_s = time.monotonic()
                with self._stop.query():
                    outcome = attempt(query)
                yield outcome, time.monotonic() - begin_s
            return
        pool = ThreadPoolExecutor(self._spec.concurrency, thread_name_prefix="query")
        try:
            for answered in [pool.submit(attempt, query) for query in queries]:
                with self._stop.query():
                    outcome = answered.result()
                yield outcome, None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def planned_query_count(self) -> int:
        """How many queries the measured passes hold at least; short phases loop and run more."""
        policy = self._spec.repeat_policy
        passes = 2 if self._generates else 1
        return passes * len(self._rows) * (policy.discarded_repeats + policy.repeats)

    def _retry_failed(self) -> None:
        """Once more for each failed query, outside the statistics, before it counts as failed."""
        for record in self.log.records:
            query = self._prepared[record.index]
            if record.error is None or query is None:
                continue
            record.retried = True
            try:
                with self._stop.query():
                    answer = self._answer_in_full(query)
                record.note_answer(query, answer)
            except QueryError as error:
                record.error = str(error)
            else:
                record.error = None

    @property
    def _generates(self) -> bool:
        return self._backend.work_phase == "full"

    def _answer_in_full(self, query: PreparedQuery) -> Completion:
        return self._answer(query, self._limits())

    def _answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        with hide_query_text(query.rendered):
            return self._backend.answer(query, limits)

    def _limits(self, *, at_most: int | None = None) -> TokenLimits | None:
        """Return the spec's token limits, or lower ones; None if the work gives no tokens."""
        if not self._generates:
            return None
        generation = self._spec.generation
        low, high = generation.min_new_tokens, generation.max_new_tokens
        assert low is not None  # noqa: S101 - a task whose models may generate has limits
        assert high is not None  # noqa: S101 - as above
        most = high if at_most is None else at_most
        return TokenLimits(min(low, most), min(high, most))

    def _measure_idle(self) -> None:
        idle_s = self._spec.repeat_policy.idle_baseline_s
        if idle_s > 0:
            self._measurement.measure("idle", lambda: time.sleep(idle_s))
