"""A dated cohort of measured models, stored in a file that never changes: the reference for stars."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from energy_score.contract.errors import RecordError
from energy_score.contract.model_config import ModelClass
from energy_score.contract.record import Record

Stars = Literal[1, 2, 3, 4, 5]


class CohortMember(Record):
    """One measured model: ``wh_per_1000_queries`` is GPU energy in Wh, unrounded.

    ``revision`` is the commit, None if the source has none. ``stars`` are the issued ones, None for a
    cohort without stars (for example with a single model).
    """

    model: str = Field(min_length=1)
    revision: str | None = None
    reasoning_state: str = ""
    wh_per_1000_queries: float = Field(gt=0, allow_inf_nan=False)
    stars: Stars | None

    @property
    def key(self) -> tuple[str, str | None, str]:
        """Return what identifies a member within its cohort."""
        return (self.model, self.revision, self.reasoning_state)


class Cohort(Record):
    """The models that are rated against each other: those of a task, or for text generation of a class."""

    task: str
    model_class: ModelClass | None
    members: tuple[CohortMember, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Return the name of the cohort for users."""
        return f"{self.task} class {self.model_class}" if self.model_class else self.task

    @property
    def energies_wh(self) -> tuple[float, ...]:
        """Return the Wh per 1,000 queries of each member, in order."""
        return tuple(member.wh_per_1000_queries for member in self.members)

    @model_validator(mode="after")
    def _members_are_different(self) -> Self:
        seen = set()
        for member in self.members:
            if member.key in seen:
                raise ValueError(f"{self.label}: {member.model} {member.reasoning_state} is listed twice")
            seen.add(member.key)
        return self


class CohortSnapshot(Record):
    """Cohorts as they were when stars were issued. ``sha256`` covers everything else in the file.

    ``issued`` is a day (2026-11-24) or a month (2025-02), whichever is known. ``official``: published by the
    AI Energy Score project; otherwise someone's own runs.
    """

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    issued: str = Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$")
    official: bool
    source: str
    cohorts: tuple[Cohort, ...]
    sha256: str = ""

    def seal(self) -> Self:
        """Return the same snapshot with the checksum of its content."""
        return self.model_copy(update={"sha256": self._digest()})

    def write_once(self, path: Path) -> None:
        """Write the sealed snapshot to ``path``; do nothing if the same snapshot is already there.

        Raises:
            RecordError: Another snapshot is there; issued snapshots are never changed.
        """
        sealed = self.seal()
        if path.exists():
            if type(self).read(path) == sealed:
                return
            raise RecordError(
                f"{path}: already contains another snapshot, and snapshots are never changed. Choose a new name."
            )
        sealed.write(path)

    def cohort(self, task: str, model_class: ModelClass | None) -> Cohort | None:
        """Return the cohort of ``task`` and ``model_class``, or None if the snapshot has none."""
        return next((one for one in self.cohorts if (one.task, one.model_class) == (task, model_class)), None)

    @model_validator(mode="after")
    def _is_as_it_was_sealed(self) -> Self:
        if self.sha256 and self.sha256 != self._digest():
            raise ValueError("the file was changed after it was issued: its sha256 does not match")
        labels = [cohort.label for cohort in self.cohorts]
        if len(set(labels)) != len(labels):
            raise ValueError("a cohort is listed twice")
        return self

    def _digest(self) -> str:
        return self.digest(without={"sha256"})
