"""Decide which planned runs are executed, and why others are not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from energy_score.contract.errors import NothingMatchedError
from energy_score.contract.run_directory import RunState
from energy_score.host.batch.earlier_results import EarlierResults
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.plan import PlannedRun, RefusedRun

Outcome = Literal["skipped", "refused", "elsewhere"]
_FAILED = "failed"
_ALL = "all"


@dataclass(frozen=True)
class Choice:
    """The decision for a planned run: execute it (``outcome`` None), or not, and why."""

    outcome: Outcome | None
    detail: str = ""


class Chooser:
    """Choose runs from the run directories, ``--rerun`` and ``--only-new``.

    Without ``--rerun``, every run that is not done is executed, including failed and interrupted ones. With it,
    only the selected ones are, done or not: ``failed``, ``all``, or those whose name or model id matches a pattern.
    """

    def __init__(self, ledger: Ledger, *, rerun: str | None = None, earlier: EarlierResults | None = None) -> None:
        self._ledger = ledger
        self._rerun = rerun
        self._earlier = earlier

    @property
    def note(self) -> str | None:
        """Return a note on what the earlier results do not contain, or None if there is nothing to note."""
        return None if self._earlier is None else self._earlier.note

    def check(self, plan: Collection[PlannedRun]) -> None:
        """Return if ``--rerun`` selects something.

        Raises:
            NothingMatchedError: It is a pattern that matches no selected row.
        """
        if self._rerun is None or self._rerun.lower() in (_FAILED, _ALL):
            return
        if not any(matches(planned, self._rerun) for planned in plan):
            raise NothingMatchedError(
                f"--rerun {self._rerun!r} matches none of the {len(plan)} selected rows. Use failed, all, or part of "
                "a run's name or model id (any case; with * or ?, the pattern must match the whole name)."
            )

    def of(self, planned: PlannedRun) -> Choice:
        """Return the decision for ``planned``."""
        if isinstance(planned, RefusedRun):
            return Choice("refused", planned.refusal)
        if self._rerun is not None and not self._is_named(planned):
            return Choice("skipped", f"not selected by --rerun {self._rerun}")
        if self._rerun is None or self._rerun.lower() == _FAILED:
            if self._ledger.is_done(planned.name, planned.spec):
                return Choice("skipped", "already done")
            elsewhere = self._ledger.is_elsewhere(planned.name)
            if elsewhere is not None:
                job = f", {elsewhere.cluster_job}" if elsewhere.cluster_job else ""
                since = f"{elsewhere.started_at:%Y-%m-%d %H:%M:%S %Z}"
                return Choice("elsewhere", f"running since {since}: {elsewhere.process}{job}")
        if self._earlier is not None:
            known = self._earlier.find_line(planned.config)
            if known is not None:
                return Choice("skipped", f"already in {known} (--only-new)")
        return Choice(None)

    def _is_named(self, planned: PlannedRun) -> bool:
        rerun = self._rerun or ""
        if rerun.lower() == _ALL:
            return True
        if rerun.lower() == _FAILED:
            return self._ledger.directory(planned.name).state() in (RunState.FAILED, RunState.LOST)
        return matches(planned, rerun)


def open_chooser(plan: Collection[PlannedRun], ledger: Ledger, *, rerun: str | None, only_new: Path | None) -> Chooser:
    """Return the chooser for ``--rerun`` and ``--only-new``.

    Raises:
        NothingMatchedError: ``--rerun`` is a pattern that matches no row of ``plan``.
        UsageError: The file of ``--only-new`` cannot be read, or has no results.
    """
    chooser = Chooser(ledger, rerun=rerun, earlier=None if only_new is None else EarlierResults(only_new))
    chooser.check(plan)
    return chooser


def matches(planned: PlannedRun, pattern: str) -> bool:
    """Return whether ``pattern`` is part of the run's name or model id, or matches all of it with ``*`` or ``?``."""
    wanted = pattern.casefold()
    is_like: Callable[[str], bool] = (
        (lambda name: fnmatchcase(name, wanted)) if set(wanted) & set("*?[") else (lambda name: wanted in name)
    )
    return any(is_like(name.casefold()) for name in (planned.name, planned.config.model_id))
