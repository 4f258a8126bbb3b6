"""What a single run cannot know of its own figure: how another run, or another GPU, would have told it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

from energy_score.reports.results_table.result_row import ResultRow

# Standard deviation of the means of runs of one spec, as a part of the mean, used if too few such runs exist. Our
# choice, and the value that the method's coverage was simulated with (docs/measurement.md).
DEFAULT_RUN_TO_RUN = 0.005
# Two runs are too few to estimate their scatter.
LEAST_RUNS = 3
# Two GPUs' sensors are each off by up to 5 % (METHOD.md, "Gain error"); uniform within its bound, an error has a
# standard deviation of the bound / sqrt(3) (JCGM 100:2008, "GUM", 4.3.7).
GAIN_BOUND = 0.05
GAIN_DEVIATION = GAIN_BOUND / math.sqrt(3)


@dataclass(frozen=True)
class RunToRun:
    """The scatter of whole runs: a standard deviation as a part of the mean, told by ``runs`` runs of one spec.

    ``runs`` is 0 for the documented default.
    """

    deviation: float
    runs: int

    @property
    def freedom(self) -> float:
        """The degrees of freedom of the deviation; infinite for the default."""
        return self.runs - 1 if self.runs else math.inf

    @property
    def half_width(self) -> float:
        """Half the width of a run's 95 % interval for this component alone, as a part of its figure."""
        quantile = float(stdtrit(self.freedom, 0.975)) if self.runs else 1.959964
        return quantile * self.deviation


DEFAULT = RunToRun(DEFAULT_RUN_TO_RUN, runs=0)


def run_to_run_by_spec(rows: Iterable[ResultRow]) -> dict[str, RunToRun]:
    """Return the scatter of the specs that at least three rateable runs of ``rows`` answer, by the spec's identity."""
    figures: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.spec_identity and row.run_id and row.rateable and row.wh_per_1000_queries:
            figures.setdefault(row.spec_identity, {})[row.run_id] = row.wh_per_1000_queries
    return {
        identity: RunToRun(stdev(by_run.values()) / fmean(by_run.values()), runs=len(by_run))
        for identity, by_run in figures.items()
        if len(by_run) >= LEAST_RUNS
    }


def joint_deviation(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the standard deviation of a sum of independent ``parts``, each with its degrees of freedom, and its own.

    Source: Welch-Satterthwaite, JCGM 100:2008 ("GUM"), G.4.1.
    """
    known = [(deviation, freedom) for deviation, freedom in parts if deviation > 0]
    variance = math.fsum(deviation**2 for deviation, _ in known)
    weights = math.fsum(deviation**4 / freedom for deviation, freedom in known)
    return math.sqrt(variance), variance**2 / weights if weights else math.inf
