"""What optimum-benchmark reports about its own run: its energies, stored beside our meter's and never rated."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from energy_score.contract.record import Record

# The phases that are work. Its report also has load_dataset and load_model, which are not counted.
OptimumPhase = Literal["preprocess", "prefill", "decode", "forward"]
CodecarbonDomain = Literal["gpu", "cpu", "ram"]


class OptimumEnergy(Record):
    """One phase of one of its runs over the dataset, with the energies by codecarbon domain in J.

    A domain that it did not measure is absent: codecarbon writes 0 for a missing GPU. ``decode`` is its own
    difference of two passes.
    """

    phase: OptimumPhase
    repeat: int
    counted: bool
    source: Literal["optimum-codecarbon"] = "optimum-codecarbon"
    energy_j: dict[CodecarbonDomain, float]


class OptimumDifference(Record):
    """The same phase by both meters, as means of the counted runs; the difference is optimum-benchmark's minus ours.

    ``difference_percent`` is relative to our meter's energy, None if that is 0. ``our_source`` is our meter's source.
    """

    phase: str
    domain: Literal["gpu", "cpu"]
    our_source: str
    ours_j: float
    theirs_j: float
    difference_j: float
    difference_percent: float | None


class OptimumUse(Record):
    """The runs of optimum-benchmark that a report is based on.

    ``settings`` is the configuration passed to it, as JSON. ``reports`` are its own reports, unchanged, in the
    run directory, one per run. They and the logs contain what is not read here.
    """

    versions: dict[str, str]
    settings: str
    reports: tuple[str, ...]
    energies: tuple[OptimumEnergy, ...]
    differences: tuple[OptimumDifference, ...] = Field(default=())

    def mean_j(self, domain: CodecarbonDomain, phase: OptimumPhase | None = None) -> float | None:
        """Return the energy of ``phase`` (None: all phases) in J, as the mean of the counted runs.

        Return None if a run does not have it.
        """
        counted = [energy for energy in self.energies if energy.counted and phase in (None, energy.phase)]
        totals = [_sum(energy for energy in counted if energy.repeat == repeat) for repeat in _repeats(counted)]
        known = [total[domain] for total in totals if domain in total]
        return sum(known) / len(known) if known and len(known) == len(totals) else None


def _repeats(energies: Iterable[OptimumEnergy]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(energy.repeat for energy in energies))


def _sum(energies: Iterable[OptimumEnergy]) -> dict[CodecarbonDomain, float]:
    """Return the sum for each domain that all ``energies`` have."""
    parts = [energy.energy_j for energy in energies]
    domains = set.intersection(*(set(part) for part in parts)) if parts else set()
    return {domain: sum(part[domain] for part in parts) for domain in domains}
