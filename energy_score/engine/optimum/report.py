"""optimum-benchmark's own report read into ours: kWh to J, load phases left out, and how far it is from our meter."""

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

# Its names for the phases that are work. load_dataset and load_model stand beside them and are none.
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
    """The energies in J of the phases that are work in the ``benchmark_report.json`` at ``path``.

    Raises:
        BenchmarkProcessError: the file is not there, or is no such report; the message says what it lacks.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        read = {name: _joules(measured["energy"]) for name, measured in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkProcessError(
            f"{path}: no report of optimum-benchmark's energy_star scenario: {type(error).__name__}: {error}"
        ) from error
    if not read.keys() & _PHASES.keys():
        raise BenchmarkProcessError(f"{path}: none of the phases {', '.join(_PHASES)} is in it: {', '.join(content)}")
    # codecarbon writes 0 where it has no meter; a phase too short for one that it has is 0 as well.
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
    """Each phase, and the total, that both have energies of, of the GPU and of the CPU; ours in the order given."""
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
    """The energies in J by domain."""
    if energy["unit"] != "kWh":
        raise ValueError(f"its unit is {energy['unit']!r}; kWh is known")
    return {domain: float(energy[domain]) * _JOULES_PER_KWH for domain in _DOMAINS}
