"""Convert optimum-benchmark's own report: kWh to J, without load phases, and the difference from our meter."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from energy_score.contract.errors import BenchmarkProcessError
from energy_score.contract.optimum_use import (
    CodecarbonDomain,
    OptimumDifference,
    OptimumEnergy,
    OptimumPhase,
    OptimumUse,
)
from energy_score.contract.run_report import EnergySource, PhaseStatistics
from energy_score.contract.units import JOULES_PER_WH

# Its names for the phases that are work. Its report also has load_dataset and load_model, which are not.
_PHASES: dict[str, OptimumPhase] = {
    "preprocess": "preprocess",
    "preprocess_dataset": "preprocess",
    "prefill": "prefill",
    "decode": "decode",
    "forward": "forward",
}
_JOULES_PER_KWH = 1000 * JOULES_PER_WH
_DOMAINS: tuple[CodecarbonDomain, ...] = get_args(CodecarbonDomain)


def read_report(path: Path, *, repeat: int = 1, counted: bool = True) -> tuple[OptimumEnergy, ...]:
    """Return the energies in J of the work phases in the ``benchmark_report.json`` at ``path``.

    Raises:
        BenchmarkProcessError: The file does not exist, or is not such a report; the message says what is missing.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        read = {name: _joules(measured["energy"]) for name, measured in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkProcessError(
            f"{path}: not a report of optimum-benchmark's energy_star scenario: {type(error).__name__}: {error}"
        ) from error
    if not read.keys() & _PHASES.keys():
        raise BenchmarkProcessError(f"{path}: has none of the phases {', '.join(_PHASES)}; found: {', '.join(content)}")
    # codecarbon writes 0 if it has no meter, and also for a phase that is too short to measure.
    measured = {domain for energy_j in read.values() for domain, figure_j in energy_j.items() if figure_j}
    return tuple(
        OptimumEnergy(
            phase=_PHASES[name],
            repeat=repeat,
            counted=counted,
            energy_j={domain: figure_j for domain, figure_j in energy_j.items() if domain in measured},
        )
        for name, energy_j in read.items()
        if name in _PHASES
    )


def differences(use: OptimumUse, statistics: Iterable[PhaseStatistics]) -> tuple[OptimumDifference, ...]:
    """Return each phase, and the total, with energies from both, for the GPU and the CPU; ours in the given order."""
    return tuple(_differences(use, [figure for figure in statistics if figure.mean_energy_j is not None]))


def _differences(use: OptimumUse, statistics: Sequence[PhaseStatistics]) -> Iterator[OptimumDifference]:
    for figure in statistics:
        if figure.domain is None or figure.source is None or figure.mean_energy_j is None:
            continue
        if figure.phase != "total" and figure.phase not in _PHASES.values():
            continue
        if figure.domain == "gpu" and figure.source is EnergySource.ESTIMATE:
            continue
        phase = next((phase for phase in _PHASES.values() if phase == figure.phase), None)
        theirs_j = use.mean_j(figure.domain, phase)
        if theirs_j is None:
            continue
        difference_j = theirs_j - figure.mean_energy_j
        yield OptimumDifference(
            phase=figure.phase,
            domain=figure.domain,
            our_source=figure.source.value,
            ours_j=figure.mean_energy_j,
            theirs_j=theirs_j,
            difference_j=difference_j,
            difference_percent=100 * difference_j / figure.mean_energy_j if figure.mean_energy_j else None,
        )


def _joules(energy: dict[str, Any]) -> dict[CodecarbonDomain, float]:
    """Return the energies in J by domain."""
    if energy["unit"] != "kWh":
        raise ValueError(f"unknown unit {energy['unit']!r} (expected kWh)")
    return {domain: float(energy[domain]) * _JOULES_PER_KWH for domain in _DOMAINS}
