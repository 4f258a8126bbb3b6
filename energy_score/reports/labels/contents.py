"""The content of labels, for your own rated runs and for the members of a snapshot."""

from collections.abc import Iterable, Iterator
from datetime import date

from energy_score.contract.errors import UsageError
from energy_score.contract.plain_text import shorten
from energy_score.reports.labels.label import LabelContent
from energy_score.reports.ratings.cohort_snapshot import CohortSnapshot
from energy_score.reports.ratings.rating import Rating
from energy_score.shared.tasks.registry import find_task

# Source: METHOD.md, "Label": everything that is not officially scored gets a watermark.
NOT_OFFICIAL = "not official"
# Source: METHOD.md, "Protocol": the hardware of the official scores.
_OFFICIAL_HARDWARE = "NVIDIA H100 80GB"
# Longer text cannot be read on a label.
_TEXT_MAX = 200


def make_rating_contents(ratings: Iterable[Rating]) -> Iterator[tuple[LabelContent, str]]:
    """Yield a label's content and reasoning state for each rating with stars, all with a watermark."""
    for rating in ratings:
        row = rating.row
        if rating.stars is None or row.wh_per_1000_queries is None:
            continue
        content = LabelContent(
            model=shorten(row.model_name, _TEXT_MAX),
            scored=f"{row.timestamp:%B %Y}" if row.timestamp else "unknown",
            task=_task(row.task, row.model_class, row.reasoning_state),
            hardware=shorten(row.hardware or "unknown", _TEXT_MAX),
            wh_per_1000_queries=row.wh_per_1000_queries,
            stars=rating.stars,
            watermark=NOT_OFFICIAL,
        )
        yield content, row.reasoning_state


def make_snapshot_contents(snapshot: CohortSnapshot) -> Iterator[tuple[LabelContent, str]]:
    """Yield a label's content and reasoning state for each member with stars; official snapshots get no watermark."""
    year, month = snapshot.issued.split("-")[:2]
    for cohort in snapshot.cohorts:
        for member in cohort.members:
            if member.stars is None:
                continue
            content = LabelContent(
                model=shorten(member.model, _TEXT_MAX),
                scored=f"{date(int(year), int(month), 1):%B %Y}",
                task=_task(cohort.task, cohort.model_class, member.reasoning_state),
                hardware=_OFFICIAL_HARDWARE,
                wh_per_1000_queries=member.wh_per_1000_queries,
                stars=member.stars,
                watermark=None if snapshot.official else NOT_OFFICIAL,
            )
            yield content, member.reasoning_state


def _task(name: str, model_class: str | None, reasoning_state: str) -> str:
    try:
        task = find_task(name)
    except UsageError:  # a task from a package that is not installed here
        title, has_classes = name, model_class is not None
    else:
        title, has_classes = task.title or task.name, task.has_classes
    words = [title]
    if has_classes and model_class:
        words.append(f"class {model_class}")
    if reasoning_state:
        words.append(f"reasoning {reasoning_state}")
    return shorten(", ".join(words), _TEXT_MAX)
