"""How well a mean of consecutive repeats is known, if a repeat may resemble the one before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from energy_score.shared.analysis.student_t import t_cdf

# Correlations of neighbours that are reckoned with, and how likely each is before anything was seen: independent
# repeats as likely as all others together, and strong correlations, which few repeats show badly, likelier than weak
# ones. Our choice; with it the coverage is 0.98 to 0.996 for independent repeats, 0.95 at 0.5, and 0.86 (10 repeats) to
# 0.92 (20) at 0.8: docs/decisions/0016-measure.md.
_CORRELATIONS = tuple(tenths / 10 for tenths in range(10))
_PRIORS = (0.5, *(0.5 * share / 12 for share in (1, 1, 1, 1, 1, 1, 1, 2, 3)))
# Fewer repeats are too few to estimate how they are correlated.
_LEAST_REPEATS = 4
_CONFIDENCE = 0.95
_BISECTIONS = 50
# Source: METHOD.md, "Protocols that people can afford": the interval has a floor of 0.3 %.
FLOOR = 0.003


@dataclass(frozen=True)
class Interval:
    """Half the width of a mean's 95 % interval, and how many independent repeats would tell as much as these."""

    half_width: float
    effective_repeats: float


@dataclass(frozen=True)
class _Fit:
    """The mean's distribution for one correlation: Student's t around ``mean``; ``weight`` says how likely it is."""

    weight: float
    mean: float
    scale: float


def correlated_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of the mean of consecutive ``values``, in their unit; None for fewer than four.

    For each correlation of neighbours (an AR(1) process) the mean follows Student's t with n - 1 degrees of freedom
    around the estimate of generalised least squares. These are mixed by how likely the values make each correlation.
    Source: Zellner, An Introduction to Bayesian Inference in Econometrics (1971), chapter 4.
    """
    if len(values) < _LEAST_REPEATS:
        return None
    spread = stdev(values)
    if spread == 0:
        return Interval(0.0, float(len(values)))
    centre = fmean(values)
    normed = [(value - centre) / spread for value in values]
    fits = [_fit(normed, correlation, prior) for correlation, prior in zip(_CORRELATIONS, _PRIORS, strict=True)]
    largest = max(fit.weight for fit in fits)
    weights = [math.exp(fit.weight - largest) for fit in fits]
    total = sum(weights)
    shares = [weight / total for weight in weights]
    effective = sum(
        share * len(values) * (1 - correlation) / (1 + correlation)
        for share, correlation in zip(shares, _CORRELATIONS, strict=True)
    )
    return Interval(spread * _half_width(fits, shares, len(values) - 1), max(effective, 1.0))


def with_floor(half_width: float | None, mean: float) -> float | None:
    """Return the half-width, at least 0.3 % of the mean; None stays None."""
    return None if half_width is None else max(half_width, FLOOR * abs(mean))


def _fit(values: Sequence[float], correlation: float, prior: float) -> _Fit:
    """The weight is a logarithm."""
    first = math.sqrt(1 - correlation**2)
    innovations = [first * values[0], *(b - correlation * a for a, b in pairwise(values))]
    ones = [first, *([1 - correlation] * (len(values) - 1))]
    information = math.fsum(one * one for one in ones)
    mean = math.fsum(one * value for one, value in zip(ones, innovations, strict=True)) / information
    squares = math.fsum((value - mean * one) ** 2 for one, value in zip(ones, innovations, strict=True))
    freedom = len(values) - 1
    squares = max(squares, 1e-12)  # a course that one correlation explains wholly
    weight = math.log(prior) + math.log(first) - math.log(information) / 2 - freedom / 2 * math.log(squares)
    return _Fit(weight, mean, math.sqrt(squares / freedom / information))


def _half_width(fits: Sequence[_Fit], shares: Sequence[float], freedom: int) -> float:
    """Half the width of the interval around 0 that holds the mixture with the wanted confidence."""

    def inside(half: float) -> float:
        return sum(
            share * (t_cdf((half - fit.mean) / fit.scale, freedom) - t_cdf((-half - fit.mean) / fit.scale, freedom))
            for fit, share in zip(fits, shares, strict=True)
        )

    low, high = 0.0, 1.0
    while inside(high) < _CONFIDENCE:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) < _CONFIDENCE else (low, middle)
    return high
