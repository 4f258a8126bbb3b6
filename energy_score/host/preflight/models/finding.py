"""What one rule found of one model, and what all of them mean for its run."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from energy_score.contract.log_line import safe_line

Status = Literal["pass", "warn", "fail"]


class Finding(NamedTuple):
    """What ``name``, the rule, found; ``remedy`` is empty where nothing needs to be done.

    ``warn``: to be looked at, or unknown, which the text then says. ``fail``: the model would not be accepted as it is;
    with ``bars_run`` the run itself cannot succeed.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""
    bars_run: bool = False

    def safe(self) -> "Finding":
        """The same finding, safe to print: a repository may hold anything."""
        return self._replace(found=safe_line(self.found), remedy=safe_line(self.remedy))


# What explains the others comes first: an adapter has no config either.
_TELLING = ("exists", "access", "weights")


def refusal_of(findings: Iterable[Finding]) -> str | None:
    """Why the run cannot succeed, in words: the most telling finding, and the names of the others; None: nothing."""
    barring = [finding for finding in findings if finding.bars_run]
    if not barring:
        return None
    first = min(barring, key=lambda one: _TELLING.index(one.name) if one.name in _TELLING else len(_TELLING))
    others = ", ".join(one.name for one in barring if one is not first)
    return f"{first.name}: {first.found}; {first.remedy}{f'; also: {others}' if others else ''}"


def names_of_failing(findings: Iterable[Finding]) -> list[str]:
    """The rules that a submission would fail."""
    return [finding.name for finding in findings if finding.status == "fail"]
