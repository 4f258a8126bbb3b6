"""The changes from one version of the leaderboard to the next."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from energy_score.contract.foreign_json import parse_json
from energy_score.reports.leaderboard.entries import Entry
from energy_score.reports.table import Table, figure

_ENTRIES = TypeAdapter(tuple[Entry, ...])
_Key = tuple[str, str | None, str, str | None, str, int]


@dataclass(frozen=True)
class EntryChange:
    """One line before and after; None if it did not or does not exist."""

    before: Entry | None
    after: Entry | None

    @property
    def what(self) -> str:
        """Return a description of the change."""
        before, after = self.before, self.after
        if before is None:
            return "new"
        if after is None:
            return "gone"
        parts = []
        if before.stars != after.stars:
            parts.append(f"stars {_stars(before)} -> {_stars(after)}")
        if after.wh_per_1000_queries is None and before.wh_per_1000_queries is not None:
            parts.append("no longer measured")
        elif before.run_id != after.run_id:
            parts.append("measured again")
        return "; ".join(parts) or "other details"


def changes_between(before: Iterable[Entry], after: Iterable[Entry]) -> list[EntryChange]:
    """Return every new, removed or changed line, sorted by model."""
    old, new = _by_key(before), _by_key(after)
    keys = sorted({*old, *new}, key=str)
    return [EntryChange(old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def read_entries(site: Path) -> list[Entry]:
    """Return the lines of the leaderboard in ``site``; empty if there is none, or this version cannot read it."""
    try:
        return list(_ENTRIES.validate_python(parse_json((site / "leaderboard.json").read_bytes())))
    except (OSError, ValueError):
        return []


def changes_table(changes: Sequence[EntryChange]) -> Table:
    """Return the changes as a table."""
    lines = [(change, change.after or change.before) for change in changes]
    return Table(
        title="What changed",
        header=("model", "state", "task", "Wh per 1,000 before", "now", "change"),
        rows=tuple(
            (
                entry.model,
                entry.reasoning_state,
                entry.task,
                figure(change.before.wh_per_1000_queries if change.before else None),
                figure(change.after.wh_per_1000_queries if change.after else None),
                change.what,
            )
            for change, entry in lines
            if entry is not None
        ),
        objects=tuple(
            {
                "what": change.what,
                "before": change.before.model_dump(mode="json") if change.before else None,
                "after": change.after.model_dump(mode="json") if change.after else None,
            }
            for change in changes
        ),
    )


def _by_key(entries: Iterable[Entry]) -> dict[_Key, Entry]:
    """Return the lines by identity; several of one model, such as superseded ones, get a number too."""
    numbers: Counter[tuple[str, str | None, str, str | None, str]] = Counter()
    by_key = {}
    for entry in entries:
        key = (entry.model, entry.revision, entry.task, entry.model_class, entry.reasoning_state)
        by_key[*key, numbers[key]] = entry
        numbers[key] += 1
    return by_key


def _stars(entry: Entry) -> str:
    return "none" if entry.stars is None else str(entry.stars)
