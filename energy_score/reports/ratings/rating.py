"""Rate runs: only rateable and comparable runs get stars, each within its task (and class for text generation)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import get_args

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import ModelClass
from energy_score.contract.plain_text import counted
from energy_score.reports.ratings.cohort_snapshot import Cohort, CohortMember, CohortSnapshot, Stars
from energy_score.reports.ratings.stars import FEW_MEMBERS, Bands, compute_bands
from energy_score.reports.ratings.uncertainty import DEFAULT, GAIN_BOUND, GAIN_DEVIATION, RunToRun, run_to_run_by_spec
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.shared.tasks.registry import find_task

_CLASSES = (None, *get_args(ModelClass))
# How the results table marks runs that have not ended.
_UNFINISHED = ("planned: ", "running: ")
_CohortKey = tuple[str, str | None]


@dataclass(frozen=True)
class Rating:
    """The stars of one row, or why it has none.

    ``against`` names what the stars are relative to. ``half_width_wh`` is that of the 95 % interval of
    ``wh_per_1000_queries``, as its repeats tell it. ``run_to_run`` is the scatter of whole runs, which is not part of
    it. ``chances`` are those of each star with both, and with the sensors' gain where figures of several GPUs are
    compared (``between_gpus``); empty where the repeats' scatter is unknown.
    ``notes`` are what a reader of the stars must know.
    """

    row: ResultRow
    against: str
    stars: Stars | None
    unrated_because: str | None = None
    bands: Bands | None = None
    half_width_wh: float | None = None
    chances: dict[Stars, float] = field(default_factory=dict)
    run_to_run: RunToRun = DEFAULT
    between_gpus: bool = False
    notes: tuple[str, ...] = ()

    @property
    def gain_bound(self) -> float | None:
        """How far the sensors of the compared GPUs may each be off, as a part of a figure; None within one GPU."""
        return GAIN_BOUND if self.between_gpus else None

    @property
    def other_chances(self) -> str:
        """Return the probability of every other star count of at least one percent; empty if there is none."""
        others = sorted(self.chances.items(), reverse=True)
        return ", ".join(
            f"{chance:.0%} chance of {stars}"
            for stars, chance in others
            if stars != self.stars and chance >= 0.01  # noqa: PLR2004 - below that it would be read as none
        )

    @property
    def stars_in_words(self) -> str:
        """Return the stars as text, with the probability of others."""
        if self.stars is None:
            return f"not rated: {self.unrated_because}"
        stars = counted(self.stars, "star")
        return f"{stars} ({self.other_chances})" if self.other_chances else stars


def rate_against(rows: Iterable[ResultRow], snapshot: CohortSnapshot) -> list[Rating]:
    """Return the stars that each row would have had in ``snapshot``, in the order of the rows."""
    rows = tuple(rows)
    superseded, scatter = _find_superseded(rows), run_to_run_by_spec(rows)
    bands: dict[_CohortKey, Bands | None] = {
        (cohort.task, cohort.model_class): compute_bands(cohort.energies_wh) for cohort in snapshot.cohorts
    }
    sort = "" if snapshot.official else ", own runs"
    return [
        _rating(
            row,
            bands,
            superseded=superseded,
            against=f"snapshot {snapshot.name} ({snapshot.issued}{sort})",
            run_to_run=scatter.get(row.spec_identity or "", DEFAULT),
            between_gpus=snapshot.official,
        )
        for row in rows
    ]


def rate_among(rows: Iterable[ResultRow]) -> list[Rating]:
    """Return the stars of each row relative to the other ``rows``, in their order."""
    rows = tuple(rows)
    superseded, scatter = _find_superseded(rows), run_to_run_by_spec(rows)
    bands = {key: compute_bands(cohort.energies_wh) for key, cohort in _own_cohorts(rows).items()}
    gpus: dict[_CohortKey, set[str | None]] = {}
    for row in rows:
        if unrated_because(row) is None:
            gpus.setdefault(_cohort_key(row), set()).add(row.gpu_ids)
    return [
        _rating(
            row,
            bands,
            superseded=superseded,
            against="these runs only, no official cohort",
            run_to_run=scatter.get(row.spec_identity or "", DEFAULT),
            between_gpus=len(gpus.get(_cohort_key(row), ())) > 1,
        )
        for row in rows
    ]


def make_cohort_snapshot(rows: Iterable[ResultRow], *, name: str, issued: str, source: str) -> CohortSnapshot:
    """Return the rateable ``rows`` as a cohort snapshot of your own runs, each member with its stars.

    Raises:
        UsageError: No row can be rated.
    """
    cohorts = tuple(cohort for _, cohort in sorted(_own_cohorts(tuple(rows)).items(), key=lambda item: str(item[0])))
    if not cohorts:
        raise UsageError(f"{source}: no run is both rateable and comparable, so no cohort can be saved")
    return CohortSnapshot(name=name, issued=issued, official=False, source=source, cohorts=cohorts).seal()


def unrated_because(row: ResultRow) -> str | None:
    """Return why ``row`` cannot have stars in any cohort, or None if it can."""
    if row.successful_prompts is None:
        message = row.error_message or "no result"
        return f"no result yet: {message}" if message.startswith(_UNFINISHED) else f"the run failed: {message}"
    if row.wh_per_1000_queries is None:
        return "no GPU energy was measured"
    if (fault := _find_table_error(row)) is not None:
        return fault
    if row.rateable is None or row.comparable is None:
        return "the table has no verdict for this run"
    reasons = f": {row.verdict_reasons}" if row.verdict_reasons else ""
    if not row.rateable:
        return f"not rateable{reasons}"
    return None if row.comparable else f"not comparable{reasons}"


def _find_table_error(row: ResultRow) -> str | None:
    """Return an error that our own runs cannot have, but a table from elsewhere can."""
    if not row.model_name:
        return "the model name is missing"
    if row.wh_per_1000_queries is not None and not 0 < row.wh_per_1000_queries < math.inf:
        return "the GPU energy is not a positive number"
    return None if _cohort_key(row)[1] in _CLASSES else "the class is not A, B or C"


def _own_cohorts(rows: Sequence[ResultRow]) -> dict[_CohortKey, Cohort]:
    """Return the cohorts of the rateable rows, with the stars of each member."""
    superseded = _find_superseded(rows)
    by_key: dict[_CohortKey, list[ResultRow]] = {}
    for row in rows:
        if unrated_because(row) is None and id(row) not in superseded:
            by_key.setdefault(_cohort_key(row), []).append(row)
    cohorts = {}
    for key, members in by_key.items():
        bands = compute_bands([_wh(row) for row in members])
        cohorts[key] = Cohort(
            task=key[0],
            model_class=key[1],
            members=tuple(
                CohortMember(
                    model=row.model_name,
                    revision=row.model_commit,
                    reasoning_state=row.reasoning_state,
                    wh_per_1000_queries=_wh(row),
                    stars=bands.stars(_wh(row)) if bands else None,
                )
                for row in sorted(members, key=lambda row: (row.model_name, row.reasoning_state))
            ),
        )
    return cohorts


def _find_superseded(rows: Sequence[ResultRow]) -> set[int]:
    """Return the rows (by ``id``) that have a later measurement in ``rows``: same cohort, model, revision and state."""
    latest: dict[tuple[object, ...], ResultRow] = {}
    earlier = set()
    for row in sorted(rows, key=lambda row: row.timestamp or datetime.min.replace(tzinfo=UTC)):
        if unrated_because(row) is not None:
            continue
        key = (*_cohort_key(row), row.model_name, row.model_commit, row.reasoning_state)
        if key in latest:
            earlier.add(id(latest[key]))
        latest[key] = row
    return earlier


def _rating(
    row: ResultRow,
    bands_by_cohort: dict[_CohortKey, Bands | None],
    *,
    superseded: set[int],
    against: str,
    run_to_run: RunToRun,
    between_gpus: bool,
) -> Rating:
    key = _cohort_key(row)
    cohort = f"{key[0]} class {key[1]}" if key[1] else key[0]
    reason = unrated_because(row)
    bands = bands_by_cohort.get(key)
    if reason is None and id(row) in superseded:
        reason = "superseded by a later run of the same model, revision and state"
    elif reason is None and key not in bands_by_cohort:
        reason = f"the snapshot has no cohort {cohort}"
    elif reason is None and bands is None:
        reason = f"cohort {cohort} has no range (fewer than 2 models, or all with the same energy)"
    half_width_wh = row.ci95_half_width_per_1000_wh
    if reason is not None or bands is None:
        return Rating(row, against, None, unrated_because=reason, half_width_wh=half_width_wh)
    energy_wh, chances = _wh(row), {}
    if half_width_wh is not None and row.repeats is not None and row.repeats > 1:
        further_wh = [(run_to_run.deviation * energy_wh, run_to_run.freedom)]
        if between_gpus:
            further_wh.append((GAIN_DEVIATION * energy_wh, math.inf))
        chances = bands.chances(
            energy_wh, half_width_wh=half_width_wh, repeats=row.repeats, further_parts_wh=further_wh
        )
    notes = []
    if bands.size < FEW_MEMBERS:
        notes.append(f"only {bands.size} models in cohort {cohort}: one more could change every star")
    if bands.is_outside(energy_wh):
        notes.append(f"outside the range of cohort {cohort}; a model like this one would have widened it")
    return Rating(
        row,
        against,
        bands.stars(energy_wh),
        bands=bands,
        half_width_wh=half_width_wh,
        chances=chances,
        run_to_run=run_to_run,
        between_gpus=between_gpus,
        notes=tuple(notes),
    )


def _cohort_key(row: ResultRow) -> _CohortKey:
    """Return the row's cohort. A class counts only if the task is rated by class; a sheet can have one in any row."""
    try:
        has_classes = find_task(row.task).has_classes
    except UsageError:
        has_classes = False  # a failed row can have no task
    return (row.task, row.model_class if has_classes else None)


def _wh(row: ResultRow) -> float:
    assert row.wh_per_1000_queries is not None  # noqa: S101 - unrated_because has seen it
    return row.wh_per_1000_queries
