"""Update the site: publish a new version if something changed, otherwise do nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from energy_score.contract.errors import UsageError
from energy_score.reports.leaderboard.build import rate_runs
from energy_score.reports.leaderboard.changes import EntryChange, changes_between, changes_table, read_entries
from energy_score.reports.leaderboard.site import Prior, RatedRun, site_entries, write_site
from energy_score.reports.leaderboard.versions import publish
from energy_score.reports.ratings.rating import make_cohort_snapshot
from energy_score.reports.results import read_results
from energy_score.reports.table import markdown

CHANGES = ("changes.md", "changes.json")
SNAPSHOT = "snapshot.json"


@dataclass(frozen=True)
class Update:
    """``version`` is the folder of the new version, None if nothing changed."""

    version: Path | None
    changes: tuple[EntryChange, ...]


def update_site(site: Path, results: Path, *, against: str, now: datetime | None = None) -> Update:
    """Rate ``results``, compare them with ``site``, and publish a new version if anything changed.

    A version contains the leaderboard, the changes since the version before, and the rateable runs as a cohort
    snapshot that later ones can be rated against.

    Raises:
        UsageError: No results were found, the snapshot does not exist, or ``site`` was not made by this program.
    """
    now = now or datetime.now(UTC)
    runs = rate_runs(read_results(results), against=against)
    changes = changes_between(read_entries(site), site_entries(runs))
    is_of_refresh = (site / CHANGES[1]).exists()  # 'leaderboard' only publishes pages
    if site.exists() and is_of_refresh and not changes:
        return Update(None, ())

    def write(folder: Path, priors: Sequence[Prior]) -> None:
        further = (*CHANGES, *_write_snapshot(folder, runs, now))
        table = changes_table(changes)
        (folder / CHANGES[0]).write_text(markdown(table), encoding="utf-8")
        (folder / CHANGES[1]).write_text(json.dumps(table.objects, indent=1) + "\n", encoding="utf-8")
        write_site(folder, runs, made_at=now, priors=priors, further_files=further)

    return Update(publish(site, write, now=now), tuple(changes))


def _write_snapshot(folder: Path, runs: Sequence[RatedRun], now: datetime) -> tuple[str, ...]:
    rows = [run.rating.row for run in runs]
    try:
        snapshot = make_cohort_snapshot(
            rows, name=f"own-{now:%Y-%m-%dT%H%M%SZ}", issued=f"{now:%Y-%m-%d}", source="own runs"
        )
    except UsageError:
        return ()  # no run can be rated, so no cohort exists
    snapshot.write_once(folder / SNAPSHOT)
    return (SNAPSHOT,)
