"""The official rule: the range of GPU energy is divided into five bands of equal width; the lowest gets five stars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from scipy.special import stdtr, stdtrit

from energy_score.reports.ratings.cohort_snapshot import Stars
from energy_score.reports.ratings.uncertainty import joint_deviation

# Lowest band first. Source: the rule that reproduces every published star of February 2025 (METHOD.md, "Stars").
_STARS_BY_BAND: tuple[Stars, ...] = (5, 4, 3, 2, 1)
# With fewer members, one more model can easily change the bands.
FEW_MEMBERS = 5
# A range below this share of its energies is only rounding: the edges would not reliably differ.
_LEAST_RANGE = 1e-12
# Degrees of freedom with which Student's t is the normal distribution.
_MANY = 1e9


@dataclass(frozen=True)
class Bands:
    """The bands of a cohort of ``size`` members: six rising edges in Wh per 1,000 queries.

    The upper edge belongs to a band, the lower one does not. The lowest edge is slightly below the lowest member, so
    that this member is in the first band.
    """

    edges_wh: tuple[float, ...]
    size: int

    def stars(self, wh_per_1000_queries: float) -> Stars:
        """Return the stars for that energy; outside the range of the cohort, those of the nearest band."""
        inside = min(max(wh_per_1000_queries, math.nextafter(self.edges_wh[0], math.inf)), self.edges_wh[-1])
        band = pd.cut([inside], list(self.edges_wh), labels=False)[0]
        return _STARS_BY_BAND[int(band)]

    def is_outside(self, wh_per_1000_queries: float) -> bool:
        """Return whether that energy is lower or higher than every member's."""
        return not self.edges_wh[0] < wh_per_1000_queries <= self.edges_wh[-1]

    def chances(
        self,
        wh_per_1000_queries: float,
        *,
        half_width_wh: float,
        repeats: int,
        further_parts_wh: Sequence[tuple[float, float]] = (),
    ) -> dict[Stars, float]:
        """The chance of each star, given the mean of ``repeats`` repeats and the half-width of its 95 % interval.

        The figure is taken to follow Student's t around this mean, with the standard deviation of the repeats' mean and
        those of ``further_parts_wh``, each with its degrees of freedom (run-to-run noise, the sensor's gain). The edges
        are taken as they are.
        """
        own_wh = half_width_wh / float(stdtrit(repeats - 1, 0.975))
        scale_wh, freedom = joint_deviation([(own_wh, repeats - 1), *further_parts_wh])
        freedom = min(freedom, _MANY)
        if scale_wh == 0:
            return {self.stars(wh_per_1000_queries): 1.0}
        below = [0.0, *(float(stdtr(freedom, (edge - wh_per_1000_queries) / scale_wh)) for edge in self.edges_wh[1:-1])]
        return {
            stars: above - under for stars, under, above in zip(_STARS_BY_BAND, below, [*below[1:], 1.0], strict=True)
        }


def compute_bands(energies_wh: Sequence[float]) -> Bands | None:
    """Return the bands of a cohort with these energies (Wh per 1,000 queries); None without a range (one model)."""
    least, most = min(energies_wh), max(energies_wh)
    if most - least < _LEAST_RANGE * most:
        return None
    _, edges = pd.cut(energies_wh, len(_STARS_BY_BAND), labels=list(_STARS_BY_BAND), retbins=True)
    return Bands(tuple(float(edge) for edge in edges), len(energies_wh))
