"""What the benchmarks share: samples taken in turn, ratios to a peer with their spread, and the verdict on a limit.

A limit is a ratio to a peer of the same run, so that a slow machine is judged as a fast one is. Judged is the 95 %
interval of the median of the paired ratios: the limit is broken only if the whole interval is above it.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

CONFIDENCE = 0.95  # of the interval of a median; the usual choice


class Verdict(StrEnum):
    """What the interval of a ratio says of its limit."""

    HELD = "held"
    BROKEN = "BROKEN"
    NOT_DECIDED = "not decided"


@dataclass(frozen=True)
class Ratio:
    """Paired ratios of one thing to its peer: the median, its 95 % interval, and the least and the greatest pair."""

    median: float
    low: float
    high: float
    least: float
    greatest: float
    pairs: int

    @classmethod
    def of(cls, ours: Sequence[float], peer: Sequence[float]) -> "Ratio":
        """The ratio of samples taken in turn, each of ``ours`` over the one of ``peer`` beside it."""
        ratios = sorted(own / other for own, other in zip(ours, peer, strict=True))
        low, high = median_interval(ratios)
        return cls(statistics.median(ratios), low, high, ratios[0], ratios[-1], len(ratios))

    def verdict(self, limit: float) -> Verdict:
        """Return held or broken if the whole interval is on one side of ``limit``, otherwise not decided."""
        if self.high <= limit:
            return Verdict.HELD
        return Verdict.BROKEN if self.low > limit else Verdict.NOT_DECIDED

    def __str__(self) -> str:
        return (
            f"{self.median:.3g} x (95 % interval {self.low:.3g} to {self.high:.3g}; "
            f"{self.pairs} pairs from {self.least:.3g} to {self.greatest:.3g})"
        )


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The narrowest interval between two ``values`` that covers their median in 95 % of cases, whatever they follow.

    The median is below the value of rank r with the probability that at most r of n throws of a coin are heads. Fewer
    than 6 values cannot say so much: their interval has no ends.
    """
    ordered, throws = sorted(values), len(values)
    outside, rank = 0.0, -1
    while True:
        outside += 2 * math.comb(throws, rank + 1) / 2**throws
        if outside > 1 - CONFIDENCE:
            break
        rank += 1
    return (ordered[rank], ordered[-1 - rank]) if rank >= 0 else (-math.inf, math.inf)


def samples_in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """One sample of each measure in every round, so that a busy moment falls on all alike."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name].append(measure())
    return samples


def is_kept(what: str, ratio: Ratio, *, peer: str, limit: float) -> bool:
    """Print the verdict in one line; False only for a limit that is broken."""
    verdict = ratio.verdict(limit)
    reason = {
        Verdict.HELD: "",
        Verdict.BROKEN: f": {ratio.median:.3g} x is more than {limit:g} x",
        Verdict.NOT_DECIDED: ": the limit lies inside the interval",
    }[verdict]
    print(f"{what}: {ratio} {peer}; limit {limit:g} x {verdict}{reason}", flush=True)
    return verdict is not Verdict.BROKEN
