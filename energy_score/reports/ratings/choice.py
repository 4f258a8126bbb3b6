"""Rate rows against the reference given on the command line."""

from collections.abc import Sequence

from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import Rating, rate_against, rate_among
from energy_score.reports.results_table.result_row import ResultRow

OWN = "own"


def rated(rows: Sequence[ResultRow], *, against: str) -> list[Rating]:
    """Return the rating of each row ``against`` a snapshot (its name or file), or ``own``: only these runs.

    Raises:
        UsageError: The snapshot does not exist, or its file is damaged.
    """
    return rate_among(rows) if against == OWN else rate_against(rows, open_snapshot(against))
