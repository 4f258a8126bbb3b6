"""Compare the same models before and after: which use more energy, beyond the scatter of their repeats."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Literal

from scipy.special import stdtrit

from energy_score.reports.comparison.side_by_side import Energy, compute_energy
from energy_score.reports.results_table.result_row import ResultRow

Outcome = Literal["regression", "improvement", "unchanged", "lost", "gone", "new", "not compared"]

# A smaller increase is not reported as a regression, even if it is statistically certain.
DEFAULT_THRESHOLD = 0.03
# Allowance for scatter if a run has a single repeat, which shows none.
UNKNOWN_SCATTER = 0.05
# Rows that differ in one of these did different work, or were measured differently.
_MUST_AGREE = ("task", "dataset", "total_prompts", "max_new_tokens", "concurrency", "hardware", "gpu_count")
# A difference here is worth mentioning, and can be what the comparison is about.
_WORTH_KNOWING = ("model_commit", "backend", "dtype", "quantization", "protocol", "image", "random_weights")

_Key = tuple[str, str, str]
_ByCommit = dict[str | None, ResultRow]


@dataclass(frozen=True)
class Change:
    """One model and state, before and after. ``ratio`` is after over before, with its 95 % interval from the repeats.

    ``lost``: had an energy before and has none now. ``gone``: has no row now.
    """

    model: str
    reasoning_state: str
    task: str
    before: Energy | None
    after: Energy | None
    outcome: Outcome
    because: str
    ratio: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def is_fault(self) -> bool:
        """Return whether a check should fail because of it."""
        return self.outcome in ("regression", "lost", "gone")


def changes(
    before: Iterable[ResultRow], after: Iterable[ResultRow], *, threshold: float = DEFAULT_THRESHOLD
) -> list[Change]:
    """Return the change of every model, task and state in either table.

    A regression is an increase of more than ``threshold`` (0.03 is 3 %) that the scatter of the repeats does not
    explain, by Welch's t-interval of the ratio of means. If one side has no scatter, ``UNKNOWN_SCATTER`` is the
    smallest increase that counts. If there are several rows of a model, commit, task and state, the latest counts.
    """
    old, new = _latest(before), _latest(after)
    found = []
    for key in dict.fromkeys((*old, *new)):
        pairs = list(_pairs(old.get(key, {}), new.get(key, {})))
        made = [_change(key, one, other, threshold) for one, other in pairs]
        if len(pairs) > 1:  # then each line must say which commit it is
            made = [
                replace(change, because=change.because + _commits(*pair))
                for change, pair in zip(made, pairs, strict=True)
            ]
        found += made
    return found


def _latest(rows: Iterable[ResultRow]) -> dict[_Key, _ByCommit]:
    """Return the latest row of each key and commit, later ones last."""
    latest: dict[_Key, _ByCommit] = {}
    for row in sorted(rows, key=lambda row: row.timestamp or datetime.min.replace(tzinfo=UTC)):
        by_commit = latest.setdefault((row.model_name, row.reasoning_state, row.task), {})
        by_commit.pop(row.model_commit, None)
        by_commit[row.model_commit] = row
    return dict(sorted(latest.items()))


def _pairs(old: _ByCommit, new: _ByCommit) -> Iterator[tuple[ResultRow | None, ResultRow | None]]:
    """Pair rows of the same commit; pair the latest of the rest (a failed run or another commit) with each other."""
    both = [commit for commit in old if commit in new]
    yield from ((old[commit], new[commit]) for commit in both)
    left = [[row for commit, row in rows.items() if commit not in both] for rows in (old, new)]
    yield from zip_longest(*(reversed(rows) for rows in left))


def _commits(before: ResultRow | None, after: ResultRow | None) -> str:
    commits = dict.fromkeys(row.model_commit or "unknown" for row in (before, after) if row is not None)
    return f" (commit {', then '.join(commits)})"


def _change(key: _Key, before: ResultRow | None, after: ResultRow | None, threshold: float) -> Change:
    old = compute_energy(before) if before else None
    new = compute_energy(after) if after else None

    def of(outcome: Outcome, because: str) -> Change:
        return Change(*key, before=old, after=new, outcome=outcome, because=because)

    if before is None:
        return of("new", "no earlier row")
    if after is None:
        return of("gone", "no row now")
    if old is None:
        return of("new" if new else "not compared", "no energy before")
    if new is None:
        return of("lost", after.error_message or "not measured now")
    differing = [name for name in _MUST_AGREE if getattr(before, name) != getattr(after, name)]
    if (old.domain, old.source) != (new.domain, new.source):
        differing.append("energy_source")
    if differing:
        told = "; ".join(
            f"{name}: {_told(name, before, old)} before, {_told(name, after, new)} now" for name in differing
        )
        return of("not compared", told)
    return _judge_change(key, old, new, threshold, _worth_knowing(before, after))


def _judge_change(key: _Key, old: Energy, new: Energy, threshold: float, known: str) -> Change:
    if old.wh_per_1000_queries <= 0:
        return Change(*key, before=old, after=new, outcome="not compared", because="no positive energy before")
    ratio = new.wh_per_1000_queries / old.wh_per_1000_queries
    interval = _ratio_interval(ratio, old, new)
    least = threshold if interval else max(threshold, UNKNOWN_SCATTER)
    outcome: Outcome = "unchanged"
    if ratio > 1 + least and (interval is None or interval[0] > 1):
        outcome = "regression"
    elif ratio < 1 / (1 + least) and (interval is None or interval[1] < 1):
        outcome = "improvement"
    because = f"{ratio - 1:+.1%}"
    if interval:
        because += f", 95 % interval {interval[0] - 1:+.1%} to {interval[1] - 1:+.1%}"
    else:
        because += f"; scatter unknown (one repeat), so changes below {least:.0%} are ignored"
    if known:
        because += f"; {known}"
    return Change(*key, before=old, after=new, outcome=outcome, because=because, ratio=ratio, interval=interval)


def _ratio_interval(ratio: float, old: Energy, new: Energy) -> tuple[float, float] | None:
    """Return the 95 % interval of the ratio of two means (delta method, Welch-Satterthwaite degrees of freedom)."""
    parts = []
    for energy in (old, new):
        if energy.relative_stdev is None or energy.repeats is None:
            return None
        parts.append((energy.relative_stdev**2 / energy.repeats, energy.repeats - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return (ratio, ratio)
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    half_width = float(stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return (ratio * (1 - half_width), ratio * (1 + half_width))


def _worth_knowing(before: ResultRow, after: ResultRow) -> str:
    differing = [name for name in _WORTH_KNOWING if getattr(before, name) != getattr(after, name)]
    return f"differs in {', '.join(differing)}" if differing else ""


def _told(name: str, row: ResultRow, energy: Energy) -> str:
    value = f"{energy.domain} {energy.source}" if name == "energy_source" else getattr(row, name)
    return "unknown" if value is None else str(value)
