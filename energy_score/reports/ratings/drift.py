"""The changes from one snapshot to a later one: whose stars changed, and which new model is the cause."""

from collections.abc import Iterable
from dataclasses import dataclass

from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot, Stars
from energy_score.reports.ratings.stars import compute_bands


@dataclass(frozen=True)
class StarChange:
    """One model whose stars changed; ``because`` names the cause."""

    cohort: str
    member: CohortMember
    stars_before: Stars | None
    stars_after: Stars | None
    because: str


@dataclass(frozen=True)
class Drift:
    """The difference between two snapshots. ``joined`` and ``left`` are labels of cohort and model.

    If a model left with one commit and joined with another, the labels include the commit.
    """

    changes: tuple[StarChange, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]


def drift(before: CohortSnapshot, after: CohortSnapshot) -> Drift:
    """Return who joined, who left, and whose stars changed from ``before`` to ``after``."""
    old = {(cohort.task, cohort.model_class): cohort for cohort in before.cohorts}
    new = {(cohort.task, cohort.model_class): cohort for cohort in after.cohorts}
    changes: list[StarChange] = []
    joined: list[str] = []
    left: list[str] = []
    for key in dict.fromkeys((*old, *new)):
        old_cohort, new_cohort = old.get(key), new.get(key)
        old_members, new_members = _by_key(old_cohort), _by_key(new_cohort)
        came = [new_members[one] for one in new_members.keys() - old_members.keys()]
        went = [old_members[one] for one in old_members.keys() - new_members.keys()]
        both = {_name(one) for one in came} & {_name(one) for one in went}
        joined += [f"{new_cohort.label}: {_name(one, commit=_name(one) in both)}" for one in came if new_cohort]
        left += [f"{old_cohort.label}: {_name(one, commit=_name(one) in both)}" for one in went if old_cohort]
        if old_cohort is not None and new_cohort is not None:
            changes += _changes(old_cohort, new_cohort)
    return Drift(tuple(changes), tuple(sorted(joined)), tuple(sorted(left)))


def _changes(old: Cohort, new: Cohort) -> Iterable[StarChange]:
    old_members, new_members = _by_key(old), _by_key(new)
    for key, member in new_members.items():
        earlier = old_members.get(key)
        if earlier is not None and _stars(old, earlier) != _stars(new, member):
            yield StarChange(new.label, member, _stars(old, earlier), _stars(new, member), _cause(old, new, earlier))


def _cause(old: Cohort, new: Cohort, earlier: CohortMember) -> str:
    """Return what changed the model's stars: its own energy, one end of the range, or several of these."""
    member = _by_key(new)[earlier.key]
    stars_before = _stars(old, earlier)
    own = member.wh_per_1000_queries != earlier.wh_per_1000_queries
    if own and _stars(new, member, energy_wh=earlier.wh_per_1000_queries) == stars_before:
        return f"its own energy went from {earlier.wh_per_1000_queries:.6g} to {member.wh_per_1000_queries:.6g} Wh"
    causes = []
    for word, end in (("lowest", min), ("highest", max)):
        old_end = end(old.members, key=_energy_wh)
        new_end = end(new.members, key=_energy_wh)
        if _energy_wh(old_end) == _energy_wh(new_end):
            continue
        was_there = new_end.key in _by_key(old)
        other_commit = not was_there and _name(new_end) in map(_name, old.members)
        kind = "remeasured" if new_end.key == old_end.key else "now" if was_there or other_commit else "new"
        cause = (
            f"the {word} in the range is {kind} {_name(new_end, commit=other_commit)} with "
            f"{_energy_wh(new_end):.6g} Wh; it was {_name(old_end)} with {_energy_wh(old_end):.6g} Wh"
        )
        energies = [old_end if one is new_end else one for one in new.members]
        if stars_before == _stars(new, earlier, among=[_energy_wh(one) for one in energies]):
            return cause
        causes.append(cause)
    if own:
        causes.append(f"its own energy is {member.wh_per_1000_queries:.6g} Wh")
    return "together: " + "; ".join(causes)


def _stars(
    cohort: Cohort, member: CohortMember, *, energy_wh: float | None = None, among: list[float] | None = None
) -> Stars | None:
    bands = compute_bands(among if among is not None else cohort.energies_wh)
    return None if bands is None else bands.stars(energy_wh if energy_wh is not None else _energy_wh(member))


def _by_key(cohort: Cohort | None) -> dict[tuple[str, str | None, str], CohortMember]:
    return {member.key: member for member in cohort.members} if cohort else {}


def _energy_wh(member: CohortMember) -> float:
    return member.wh_per_1000_queries


def _name(member: CohortMember, *, commit: bool = False) -> str:
    name = f"{member.model} {member.reasoning_state}".strip()
    return f"{name} (commit {member.revision or 'unknown'})" if commit else name
