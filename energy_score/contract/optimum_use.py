"""What optimum-benchmark says of a run that it carried out: its own energies, never rated, beside our meter's."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from energy_score.contract.record import Record

# Its phases that are work; load_dataset and load_model are in its report too, and not counted.
OptimumPhase = Literal["preprocess", "prefill", "decode", "forward"]
CodecarbonDomain = Literal["gpu", "cpu", "ram"]


class OptimumEnergy(Record):
    """One phase of one of its runs over the data set; energies in J by what codecarbon looked at.

    A domain that it did not measure is absent: codecarbon writes 0 for a GPU that is not there. ``decode`` is its own
    difference of two passes.
    """

    phase: OptimumPhase
    repeat: int
    counted: bool
    source: Literal["optimum-codecarbon"] = "optimum-codecarbon"
    energy_j: dict[CodecarbonDomain, float]


class OptimumDifference(Record):
    """The same phase by both, each the mean of the counted runs; the difference is optimum-benchmark's less ours.

    ``difference_percent`` is of our meter's energy, None where that is 0. ``our_source`` is our meter's.
    """

    phase: str
    domain: Literal["gpu", "cpu"]
    our_source: str
    ours_j: float
    theirs_j: float
    difference_j: float
    difference_percent: float | None


class OptimumUse(Record):
    """The runs of optimum-benchmark behind a report.

    ``settings`` is the configuration that it was given, as JSON. ``reports`` are its own reports as they came, in the
    run directory, one a run; those and its logs hold what is not read here.
    """

    versions: dict[str, str]
    settings: str
    reports: tuple[str, ...]
    energies: tuple[OptimumEnergy, ...]
    differences: tuple[OptimumDifference, ...] = Field(default=())

    def mean_j(self, domain: CodecarbonDomain, phase: OptimumPhase | None = None) -> float | None:
        """The energy of ``phase`` (of all phases for None) in J, mean of the counted runs.

        None where a run does not have it.
        """
        counted = [energy for energy in self.energies if energy.counted and phase in (None, energy.phase)]
        totals = [_sum(energy for energy in counted if energy.repeat == repeat) for repeat in _repeats(counted)]
        known = [total[domain] for total in totals if domain in total]
        return sum(known) / len(known) if known and len(known) == len(totals) else None


def _repeats(energies: Iterable[OptimumEnergy]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(energy.repeat for energy in energies))


def _sum(energies: Iterable[OptimumEnergy]) -> dict[CodecarbonDomain, float]:
    """The sum by domain, of the domains that every one of ``energies`` has."""
    parts = [energy.energy_j for energy in energies]
    domains = set.intersection(*(set(part) for part in parts)) if parts else set()
    return {domain: sum(part[domain] for part in parts) for domain in domains}
