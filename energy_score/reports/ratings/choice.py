"""What rows are rated against, as the command line names it."""

from collections.abc import Sequence

from energy_score.reports.ratings.official import open_snapshot
from energy_score.reports.ratings.rating import Rating, rate_against, rate_among
from energy_score.reports.results_table.result_row import ResultRow

OWN = "own"


def rated(rows: Sequence[ResultRow], *, against: str) -> list[Rating]:
    """The rating of each row ``against`` a snapshot (its name or file), or ``own``: these runs alone.

    Raises:
        UsageError: there is no such snapshot, or its file is damaged.
    """
    return rate_among(rows) if against == OWN else rate_against(rows, open_snapshot(against))
