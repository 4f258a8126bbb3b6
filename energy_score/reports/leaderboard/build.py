"""Rate results for the leaderboard."""

from energy_score.reports.leaderboard.site import RatedRun
from energy_score.reports.ratings.choice import rated
from energy_score.reports.results import Results


def rate_runs(results: Results, *, against: str) -> list[RatedRun]:
    """Return every row of ``results`` with its stars and the run directory that it came from.

    Raises:
        UsageError: The snapshot does not exist.
        RecordError: The snapshot's file is damaged.
    """
    ratings = rated(results.rows, against=against)
    return [RatedRun(rating, directory) for rating, directory in zip(ratings, results.directories, strict=True)]
