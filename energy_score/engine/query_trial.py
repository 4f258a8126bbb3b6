"""What a window does to the query log, and how to take it back."""

from dataclasses import replace
from statistics import median

from energy_score.engine.query_log import QueryLog, QueryRecord
from energy_score.engine.stalls import STALL_S

# Our choice: a query stood still if it took so many times what it took at its fastest, and a stall more.
_TIMES_ITS_FASTEST = 3.0
# The first pass has no earlier time to compare with: it uses the tokens of the answer and the pass's median per token.
_TIMES_THE_MEDIAN = 20.0
_LEAST_FIRST_STALL_S = 5.0


class QueryTrial:
    """The queries of one window: which of them failed or stood still; ``undo`` takes their answers out of the log."""

    def __init__(self, log: QueryLog) -> None:
        self._log = log
        self._fastest_s: dict[tuple[str, int], float] = {}
        self._times_s: list[tuple[str, int, float, int]] = []
        self._failed_before: set[int] = set()
        self._begin()

    def begin(self) -> None:
        """Remember the log."""
        self._begin()

    def undo(self) -> None:
        """Give the log back as it was at ``begin``."""
        self._log.records[:] = self._records
        self._log.inter_token = self._inter_token
        self._begin()

    def note_time(self, phase: str, index: int, *, duration_s: float, tokens: int | None) -> None:
        """Keep how long a query took."""
        self._times_s.append((phase, index, duration_s, tokens or 1))

    def defects(self) -> tuple[str, ...]:
        """Return a code for each query that failed for the first time, and ``stalled`` if one stood still."""
        failed = [
            f"query {record.index} failed"
            for record, before in zip(self._log.records, self._records, strict=True)
            if record.error is not None and before.error is None and record.index not in self._failed_before
        ]
        stalled = self._a_query_stalled()
        self._learn_times()
        return (*failed, *(("stalled",) if stalled else ()))

    def forget_failures(self) -> None:
        """Take back the errors of a window that counts for nothing; a query that fails again is not worth repeating."""
        for record, before in zip(self._log.records, self._records, strict=True):
            if record.error is not None and before.error is None:
                self._failed_before.add(record.index)
            record.error = before.error

    def _begin(self) -> None:
        self._records: list[QueryRecord] = [replace(record) for record in self._log.records]
        self._inter_token = self._log.inter_token.copy()
        self._times_s.clear()

    def _a_query_stalled(self) -> bool:
        by_token_s = [duration_s / tokens for _, _, duration_s, tokens in self._times_s]
        typical_s = median(by_token_s) if by_token_s else 0.0
        for phase, index, duration_s, tokens in self._times_s:
            fastest_s = self._fastest_s.get((phase, index))
            if fastest_s is None:
                limit_s = _LEAST_FIRST_STALL_S + _TIMES_THE_MEDIAN * typical_s * tokens
            else:
                limit_s = STALL_S + _TIMES_ITS_FASTEST * fastest_s
            if duration_s > limit_s:
                return True
        return False

    def _learn_times(self) -> None:
        for phase, index, duration_s, _ in self._times_s:
            key = (phase, index)
            self._fastest_s[key] = min(duration_s, self._fastest_s.get(key, duration_s))
