"""What became of each query over all passes of a run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from energy_score.contract.run_report import QueryStatistics, TokenCounts
from energy_score.engine.backends.backend import Completion, PreparedQuery
from energy_score.engine.latency import LatencyHistogram


@dataclass
class QueryRecord:
    """One query: the outcome of its counted full passes. Sums are over ``measured_count`` passes, times in s."""

    index: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    fewest_tokens: int | None = None
    most_tokens: int | None = None
    finish_reason: str | None = None
    error: str | None = None
    retried: bool = False
    measured_count: int = 0
    latency_sum_s: float = 0.0
    first_token_sum_s: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the query has an answer and no failure stands against it."""
        return self.error is None and self.completion_tokens is not None

    @property
    def mean_latency_s(self) -> float | None:
        """Mean over the counted full passes; None where none gave an answer."""
        return self.latency_sum_s / self.measured_count if self.measured_count else None

    @property
    def mean_first_token_s(self) -> float | None:
        """As ``mean_latency_s``, for the first token."""
        return self.first_token_sum_s / self.measured_count if self.measured_count else None

    def note_answer(self, query: PreparedQuery, completion: Completion) -> None:
        """Keep the counts of an answer."""
        tokens = completion.completion_tokens
        self.prompt_tokens = query.prompt_tokens
        self.completion_tokens = tokens
        self.fewest_tokens = tokens if self.fewest_tokens is None else min(self.fewest_tokens, tokens)
        self.most_tokens = tokens if self.most_tokens is None else max(self.most_tokens, tokens)
        self.finish_reason = completion.finish_reason


@dataclass
class QueryLog:
    """The records of all queries, and the inter-token latencies of the counted full passes."""

    records: list[QueryRecord]
    inter_token: LatencyHistogram = field(default_factory=LatencyHistogram)

    @classmethod
    def of(cls, query_count: int) -> "QueryLog":
        """An empty log for ``query_count`` queries."""
        return cls([QueryRecord(index) for index in range(query_count)])

    def note_measured(self, index: int, query: PreparedQuery, completion: Completion) -> None:
        """Count an answer of a counted full pass into the statistics."""
        record = self.records[index]
        record.note_answer(query, completion)
        record.measured_count += 1
        record.latency_sum_s += completion.latency_s
        record.first_token_sum_s += completion.token_times_s[0]
        self.inter_token.add(later - earlier for earlier, later in pairwise(completion.token_times_s))

    def successes(self) -> Iterator[QueryRecord]:
        """The records of queries that have an answer."""
        return (record for record in self.records if record.succeeded)

    def statistics(self) -> QueryStatistics:
        """The outcome over all queries; means are over successful queries."""
        successes = list(self.successes())
        errors = [record.error for record in self.records if record.error is not None]
        return QueryStatistics(
            asked=len(self.records),
            succeeded=len(successes),
            failed=len(self.records) - len(successes),
            retried=sum(record.retried for record in self.records),
            first_error=errors[0] if errors else None,
            mean_latency_s=_mean([record.mean_latency_s for record in successes]),
            mean_time_to_first_token_s=_mean([record.mean_first_token_s for record in successes]),
            inter_token_latency_p50_s=self.inter_token.percentile_s(50),
            inter_token_latency_p95_s=self.inter_token.percentile_s(95),
            inter_token_latency_p99_s=self.inter_token.percentile_s(99),
        )

    def tokens(self) -> TokenCounts:
        """Tokens of one data-set pass over the successful queries."""
        successes = list(self.successes())
        return TokenCounts(
            prompt=sum(record.prompt_tokens or 0 for record in successes),
            completion=sum(record.completion_tokens or 0 for record in successes),
            completion_min=min(record.fewest_tokens or 0 for record in successes),
            completion_max=max(record.most_tokens or 0 for record in successes),
        )


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
