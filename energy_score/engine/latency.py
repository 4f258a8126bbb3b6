"""Latency percentiles over millions of tokens in constant memory."""

import math
from collections import Counter
from collections.abc import Iterable

# Neighbouring bins differ by 1 %, so a percentile is exact to 0.5 %: finer than a run repeats itself.
_LOG_BIN_WIDTH = math.log(1.01)
_SHORTEST_S = 1e-7


class LatencyHistogram:
    """Counts latencies in logarithmic bins."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, latencies_s: Iterable[float]) -> None:
        """Count each latency, in s."""
        self._counts.update(
            math.floor(math.log(max(latency_s, _SHORTEST_S)) / _LOG_BIN_WIDTH) for latency_s in latencies_s
        )

    def copy(self) -> "LatencyHistogram":
        """Return a histogram of the same latencies, which grows apart from this one."""
        copied = LatencyHistogram()
        copied._counts = self._counts.copy()
        return copied

    def percentile_s(self, percent: float) -> float | None:
        """The latency in s that ``percent`` of all counted ones do not exceed (nearest rank); None when empty."""
        rank = max(1, math.ceil(self._counts.total() * percent / 100))
        seen = 0
        for bin_number in sorted(self._counts):
            seen += self._counts[bin_number]
            if seen >= rank:
                return math.exp((bin_number + 0.5) * _LOG_BIN_WIDTH)
        return None
