"""Which of the planned runs are carried out, and why the others are not."""

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
    """What to do with a planned run: carry it out (``outcome`` None), or not, and why."""

    outcome: Outcome | None
    detail: str = ""


class Chooser:
    """Chooses by the run directories, ``--rerun`` and ``--only-new``.

    Without ``--rerun`` every run that is not done is carried out, one that failed or was interrupted again. With it
    only those that it names are, done or not: ``failed``, ``all``, or those whose name or model id a pattern matches.
    """

    def __init__(self, ledger: Ledger, *, rerun: str | None = None, earlier: EarlierResults | None = None) -> None:
        self._ledger = ledger
        self._rerun = rerun
        self._earlier = earlier

    @property
    def note(self) -> str | None:
        """What the earlier results do not say, in words; None where they say all, or there are none."""
        return None if self._earlier is None else self._earlier.note

    def check(self, plan: Collection[PlannedRun]) -> None:
        """Return if ``--rerun`` names something.

        Raises:
            NothingMatchedError: it is a pattern that no selected row matches.
        """
        if self._rerun is None or self._rerun.lower() in (_FAILED, _ALL):
            return
        if not any(matches(planned, self._rerun) for planned in plan):
            raise NothingMatchedError(
                f"--rerun {self._rerun!r} matches none of the {len(plan)} selected rows; valid is failed, all, or a "
                "part of a run's name or model id (any case; with * and ? a pattern of the whole)"
            )

    def of(self, planned: PlannedRun) -> Choice:
        """What to do with ``planned``."""
        if isinstance(planned, RefusedRun):
            return Choice("refused", planned.refusal)
        if self._rerun is not None and not self._is_named(planned):
            return Choice("skipped", f"not named by --rerun {self._rerun}")
        if self._rerun is None or self._rerun.lower() == _FAILED:
            if self._ledger.is_done(planned.name, planned.spec):
                return Choice("skipped", "done already")
            elsewhere = self._ledger.is_elsewhere(planned.name)
            if elsewhere is not None:
                job = f", {elsewhere.cluster_job}" if elsewhere.cluster_job else ""
                since = f"{elsewhere.started_at:%Y-%m-%d %H:%M:%S %Z}"
                return Choice("elsewhere", f"under way since {since}: {elsewhere.process}{job}")
        if self._earlier is not None:
            known = self._earlier.line_of(planned.config)
            if known is not None:
                return Choice("skipped", f"in {known} already (--only-new)")
        return Choice(None)

    def _is_named(self, planned: PlannedRun) -> bool:
        rerun = self._rerun or ""
        if rerun.lower() == _ALL:
            return True
        if rerun.lower() == _FAILED:
            return self._ledger.directory(planned.name).state() in (RunState.FAILED, RunState.LOST)
        return matches(planned, rerun)


def open_chooser(plan: Collection[PlannedRun], ledger: Ledger, *, rerun: str | None, only_new: Path | None) -> Chooser:
    """The chooser that ``--rerun`` and ``--only-new`` ask for.

    Raises:
        NothingMatchedError: ``--rerun`` is a pattern that no row of ``plan`` matches.
        UsageError: the file of ``--only-new`` cannot be read, or is no results.
    """
    chooser = Chooser(ledger, rerun=rerun, earlier=None if only_new is None else EarlierResults(only_new))
    chooser.check(plan)
    return chooser


def matches(planned: PlannedRun, pattern: str) -> bool:
    """Whether the run's name or its model id holds ``pattern``, or is like it where it has ``*`` or ``?``; any case."""
    wanted = pattern.casefold()
    is_like: Callable[[str], bool] = (
        (lambda name: fnmatchcase(name, wanted)) if set(wanted) & set("*?[") else (lambda name: wanted in name)
    )
    return any(is_like(name.casefold()) for name in (planned.name, planned.config.model_id))
