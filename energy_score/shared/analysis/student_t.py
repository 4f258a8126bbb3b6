"""Student's t-distribution with whole degrees of freedom."""

import math


def t_cdf(t: float, freedom: int) -> float:
    """Return the probability of a value up to ``t``.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2:
        total, term = 0.0, cosine
        for k in range(3, freedom + 1, 2):
            total += term
            term *= cosine**2 * (k - 1) / k
        inside = 2 / math.pi * (angle + sine * total)
    else:
        total, term = 0.0, 1.0
        for k in range(2, freedom + 1, 2):
            total += term
            term *= cosine**2 * (k - 1) / k
        inside = sine * total
    return (1 + inside) / 2
