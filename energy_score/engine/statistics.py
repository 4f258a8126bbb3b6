"""From measured windows to figures of one data-set pass: means, standard deviations, intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from energy_score.contract.run_report import Domain, EnergySource, PhaseEnergy, PhaseStatistics

# The pass that makes a query's whole work: text is generated (full), or one forward pass or one pipeline call is made.
WORK_PHASES = ("full", "forward", "call")

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
# Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
_T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


@dataclass(frozen=True)
class _Pass:
    """One data-set pass in one repeat; ``energy_j`` is None where nothing measured it."""

    duration_s: float
    energy_j: float | None

    def plus(self, other: "_Pass") -> "_Pass":
        """Both together; the energy is known if both are."""
        energy_j = None if self.energy_j is None or other.energy_j is None else self.energy_j + other.energy_j
        return _Pass(self.duration_s + other.duration_s, energy_j)

    def minus(self, part: "_Pass") -> "_Pass":
        """What is left without ``part``; the energy is known if both are."""
        energy_j = None if self.energy_j is None or part.energy_j is None else self.energy_j - part.energy_j
        return _Pass(self.duration_s - part.duration_s, energy_j)


_Repeats = Mapping[int, _Pass]


def phase_statistics(windows: Sequence[PhaseEnergy]) -> tuple[PhaseStatistics, ...]:
    """Statistics of one data-set pass over the counted repeats, one set of phases per (domain, source).

    A window's figures are divided by its passes; windows of the same phase and repeat are added first. Energies are
    in J, durations in s. Of the measured phases ``preprocess``, ``prefill``, ``forward`` and ``call`` are given as
    they are, and two are derived, repeat by repeat, from the repeats that hold both parts:

    - ``decode`` = full - prefill: the full pass repeats the prefill, so its energy is taken off once;
    - ``total`` = preprocess + full (or forward, or call). The prefill pass is a witness of its own, inside full.

    A phase has a mean energy only if each of its repeats has one.
    """
    keys = dict.fromkeys((window.domain, window.source) for window in windows if window.counted)
    return tuple(
        _statistics(phase, repeats, domain=domain, source=source)
        for domain, source in keys
        for phase, repeats in _output_phases(
            [window for window in windows if window.counted and (window.domain, window.source) == (domain, source)]
        ).items()
        if repeats
    )


def ci95_half_width(values: Sequence[float]) -> float | None:
    """Half the width of the mean's 95 % confidence interval, in the values' unit: t s / sqrt(n); None for n < 2.

    Beyond 30 degrees of freedom the quantile of 30 is kept, which is wider by at most 4 %.
    """
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    t = _T_95[min(len(values) - 1, len(_T_95)) - 1]
    return t * stdev(values) / math.sqrt(len(values))


def _output_phases(windows: Iterable[PhaseEnergy]) -> dict[str, _Repeats]:
    measured = _passes_by_phase(windows)
    nothing: _Repeats = {}
    preprocess, prefill, full = (measured.get(phase, nothing) for phase in ("preprocess", "prefill", "full"))
    work = next((measured[phase] for phase in WORK_PHASES if phase in measured), nothing)
    total = work if not preprocess else {n: preprocess[n].plus(work[n]) for n in work if n in preprocess}
    return {
        "preprocess": preprocess,
        "prefill": prefill,
        "decode": {n: full[n].minus(prefill[n]) for n in full if n in prefill},
        "forward": measured.get("forward", nothing),
        "call": measured.get("call", nothing),
        "total": total,
    }


def _passes_by_phase(windows: Iterable[PhaseEnergy]) -> dict[str, dict[int, _Pass]]:
    grouped: dict[tuple[str, int], list[PhaseEnergy]] = {}
    for window in windows:
        grouped.setdefault((window.phase, window.repeat), []).append(window)
    by_phase: dict[str, dict[int, _Pass]] = {}
    for (phase, repeat), parts in grouped.items():
        passes = sum(part.passes for part in parts)
        known = [part.total_j for part in parts if part.total_j is not None]
        by_phase.setdefault(phase, {})[repeat] = _Pass(
            duration_s=sum(part.duration_s for part in parts) / passes,
            energy_j=sum(known) / passes if len(known) == len(parts) else None,
        )
    return by_phase


def _statistics(
    phase: str, repeats: _Repeats, *, domain: Domain | None, source: EnergySource | None
) -> PhaseStatistics:
    known_j = [one_pass.energy_j for one_pass in repeats.values() if one_pass.energy_j is not None]
    energies_j = known_j if len(known_j) == len(repeats) else []
    return PhaseStatistics(
        phase=phase,
        domain=domain,
        source=source,
        repeats=len(repeats),
        mean_duration_s=fmean(one_pass.duration_s for one_pass in repeats.values()),
        mean_energy_j=fmean(energies_j) if energies_j else None,
        stdev_energy_j=stdev(energies_j) if len(energies_j) > 1 else None,
        ci95_half_width_j=ci95_half_width(energies_j),
    )
