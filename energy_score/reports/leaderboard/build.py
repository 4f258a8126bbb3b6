"""From results to the rated runs that a site is made of."""

from energy_score.reports.leaderboard.site import RatedRun
from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import rate_against, rate_among
from energy_score.reports.results import Results

OWN = "own"


def rated_runs(results: Results, *, against: str) -> list[RatedRun]:
    """Every row of ``results`` with its stars ``against`` a snapshot (its name or file), or ``own`` runs alone.

    Raises:
        UsageError: there is no such snapshot.
        RecordError: the snapshot's file is damaged.
    """
    rows = results.rows
    ratings = rate_among(rows) if against == OWN else rate_against(rows, open_snapshot(against))
    return [RatedRun(rating, directory) for rating, directory in zip(ratings, results.directories, strict=True)]
