"""What a rule found for one model, and what the findings mean for its run."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from energy_score.contract.log_line import safe_line

Status = Literal["pass", "warn", "fail"]


class Finding(NamedTuple):
    """What the rule ``name`` found; ``remedy`` is empty if there is nothing to do.

    ``warn``: needs a look, or is unknown, as the text then says. ``fail``: the model would not be accepted as it is;
    with ``bars_run``, the run itself cannot succeed.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""
    bars_run: bool = False

    def safe(self) -> "Finding":
        """Return the same finding, safe to print: a repository can contain anything."""
        return self._replace(found=safe_line(self.found), remedy=safe_line(self.remedy))


# Findings that explain others come first: an adapter has no config either.
_TELLING = ("exists", "access", "weights")


def get_refusal(findings: Iterable[Finding]) -> str | None:
    """Return why the run cannot succeed (the most telling finding and the names of the others), or None if it can."""
    barring = [finding for finding in findings if finding.bars_run]
    if not barring:
        return None
    first = min(barring, key=lambda one: _TELLING.index(one.name) if one.name in _TELLING else len(_TELLING))
    others = ", ".join(one.name for one in barring if one is not first)
    return f"{first.name}: {first.found}; {first.remedy}{f'; also: {others}' if others else ''}"


def get_failing_rules(findings: Iterable[Finding]) -> list[str]:
    """Return the rules that a submission would fail."""
    return [finding.name for finding in findings if finding.status == "fail"]
