"""The results of each query over all passes of a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from energy_score.contract.run_report import MediaCounts, QueryStatistics, TokenCounts
from energy_score.engine.latency import LatencyHistogram
from energy_score.engine.query import Completion, PreparedQuery, Thoughts

Number = TypeVar("Number", int, float)


@dataclass
class QueryRecord:
    """The results of one query in its counted work passes. Sums are over ``measured_count`` passes, times in s.

    Counts that the task does not have are None. ``completion_tokens`` is the mean over those passes, to the next whole
    token: an answer need not be as long in each of them, and the energy that it is set against is a mean as well.
    """

    index: int
    answered: bool = False
    truncated: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    fewest_tokens: int | None = None
    most_tokens: int | None = None
    input_images: int | None = None
    input_audio_s: float | None = None
    output_images: int | None = None
    finish_reason: str | None = None
    thinks: bool | None = None
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    error: str | None = None
    retried: bool = False
    measured_count: int = 0
    latency_sum_s: float = 0.0
    completion_count: int = 0
    completion_sum: int = 0
    first_token_count: int = 0
    first_token_sum_s: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Return whether the query has an answer and did not fail."""
        return self.error is None and self.answered

    @property
    def mean_latency_s(self) -> float | None:
        """Return the mean over the counted work passes, or None without an answer."""
        return self.latency_sum_s / self.measured_count if self.measured_count else None

    @property
    def mean_first_token_s(self) -> float | None:
        """Return the mean for the first token, or None if tokens have no times."""
        return self.first_token_sum_s / self.first_token_count if self.first_token_count else None

    def note_answer(self, query: PreparedQuery, completion: Completion) -> None:
        """Record the counts of an answer."""
        self.answered = True
        self.truncated = query.truncated
        self.input_images, self.input_audio_s = query.images, query.audio_s
        self.output_images = completion.images
        self.prompt_tokens = completion.prompt_tokens
        self.completion_tokens = tokens = completion.completion_tokens
        self.finish_reason = completion.finish_reason
        if tokens is not None:
            self.fewest_tokens = tokens if self.fewest_tokens is None else min(self.fewest_tokens, tokens)
            self.most_tokens = tokens if self.most_tokens is None else max(self.most_tokens, tokens)

    def note_thoughts(self, thoughts: Thoughts) -> None:
        """Keep what of the last counted answer was thought."""
        self.thinks = thoughts.thinks
        self.thinking_tokens, self.answer_tokens = thoughts.thinking_tokens, thoughts.answer_tokens


@dataclass
class QueryLog:
    """The records of all queries, and the inter-token latencies of the counted full passes."""

    records: list[QueryRecord]
    inter_token: LatencyHistogram = field(default_factory=LatencyHistogram)

    @classmethod
    def of(cls, query_count: int) -> "QueryLog":
        """Return an empty log for ``query_count`` queries."""
        return cls([QueryRecord(index) for index in range(query_count)])

    def note_measured(self, index: int, query: PreparedQuery, completion: Completion) -> None:
        """Add an answer of a counted work pass to the statistics."""
        record = self.records[index]
        record.note_answer(query, completion)
        record.measured_count += 1
        record.latency_sum_s += completion.latency_s
        if completion.completion_tokens is not None:
            record.completion_count += 1
            record.completion_sum += completion.completion_tokens
            record.completion_tokens = round(record.completion_sum / record.completion_count)
        if completion.token_times_s:
            record.first_token_count += 1
            record.first_token_sum_s += completion.token_times_s[0]
            self.inter_token.add(later - earlier for earlier, later in pairwise(completion.token_times_s))

    def successes(self) -> Iterator[QueryRecord]:
        """Yield the records of queries with an answer."""
        return (record for record in self.records if record.succeeded)

    def statistics(self) -> QueryStatistics:
        """Return the results over all queries; means are over successful queries."""
        successes = list(self.successes())
        judged = _known([record.thinks for record in successes])
        errors = [record.error for record in self.records if record.error is not None]
        return QueryStatistics(
            asked=len(self.records),
            succeeded=len(successes),
            failed=len(self.records) - len(successes),
            retried=sum(record.retried for record in self.records),
            truncated=sum(record.truncated for record in successes),
            thinking=sum(judged) if judged else None,
            judged=len(judged) or None,
            first_error=errors[0] if errors else None,
            mean_latency_s=_mean([record.mean_latency_s for record in successes]),
            mean_time_to_first_token_s=_mean([record.mean_first_token_s for record in successes]),
            inter_token_latency_p50_s=self.inter_token.percentile_s(50),
            inter_token_latency_p95_s=self.inter_token.percentile_s(95),
            inter_token_latency_p99_s=self.inter_token.percentile_s(99),
        )

    def tokens(self) -> TokenCounts:
        """Return the tokens of one pass over the successful queries."""
        successes = list(self.successes())
        return TokenCounts(
            prompt=_sum([record.prompt_tokens for record in successes]),
            completion=_sum([record.completion_tokens for record in successes]),
            completion_min=min(_known([record.fewest_tokens for record in successes]), default=None),
            completion_max=max(_known([record.most_tokens for record in successes]), default=None),
            thinking=_sum([record.thinking_tokens for record in successes]),
            answer=_sum([record.answer_tokens for record in successes]),
        )

    def media(self) -> MediaCounts:
        """Return the images and audio of one pass over the successful queries."""
        successes = list(self.successes())
        return MediaCounts(
            input_images=_sum([record.input_images for record in successes]),
            input_audio_s=_sum([record.input_audio_s for record in successes]),
            output_images=_sum([record.output_images for record in successes]),
        )


def _known(values: Sequence[Number | None]) -> list[Number]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float | None]) -> float | None:
    known = _known(values)
    return sum(known) / len(known) if known else None


def _sum(values: Sequence[Number | None]) -> Number | None:
    """Return the sum of counts, or None if one is unknown, because a partial sum would be wrong."""
    known = _known(values)
    return sum(known) if known and len(known) == len(values) else None
