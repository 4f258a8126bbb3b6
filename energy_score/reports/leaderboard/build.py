"""From results to the rated runs that a site is made of."""

from energy_score.reports.leaderboard.site import RatedRun
from energy_score.reports.ratings.choice import rated
from energy_score.reports.results import Results


def rated_runs(results: Results, *, against: str) -> list[RatedRun]:
    """Every row of ``results`` with its stars, and the run directory that it was made from.

    Raises:
        UsageError: there is no such snapshot.
        RecordError: the snapshot's file is damaged.
    """
    ratings = rated(results.rows, against=against)
    return [RatedRun(rating, directory) for rating, directory in zip(ratings, results.directories, strict=True)]
