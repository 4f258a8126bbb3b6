"""From measured windows to data-set passes: what one pass of each phase took in each repeat."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from energy_score.contract.run_report import WORK_PHASES, PhaseEnergy

# Our choice: a GPU between two queries may draw up to half as much again as in the idle window, or half as much. The
# pauses of a window add so much of their energy to its uncertainty.
PAUSE_UNCERTAINTY = 0.5


@dataclass(frozen=True)
class OnePass:
    """One pass of the dataset in one repeat; ``energy_j`` is None if nothing measured it.

    ``tick_bound_j`` bounds how far the ticks of the counter may put the energy off, and ``tick_sigma_j`` is the
    standard deviation of that; both are 0 where the meter stated no uncertainty.
    """

    duration_s: float
    energy_j: float | None
    tick_bound_j: float = 0.0
    tick_sigma_j: float = 0.0

    def plus(self, other: "OnePass") -> "OnePass":
        """Both together; the energy is known if both are. Their windows' tick errors are independent."""
        energy_j = None if self.energy_j is None or other.energy_j is None else self.energy_j + other.energy_j
        return self._with(other, duration_s=self.duration_s + other.duration_s, energy_j=energy_j)

    def minus(self, part: "OnePass") -> "OnePass":
        """What is left without ``part``; the energy is known if both are. A difference has both tick errors too."""
        energy_j = None if self.energy_j is None or part.energy_j is None else self.energy_j - part.energy_j
        return self._with(part, duration_s=self.duration_s - part.duration_s, energy_j=energy_j)

    def _with(self, other: "OnePass", *, duration_s: float, energy_j: float | None) -> "OnePass":
        return OnePass(
            duration_s=duration_s,
            energy_j=energy_j,
            tick_bound_j=self.tick_bound_j + other.tick_bound_j,
            tick_sigma_j=math.hypot(self.tick_sigma_j, other.tick_sigma_j),
        )


Repeats = Mapping[int, OnePass]


def phases_of(windows: Iterable[PhaseEnergy]) -> dict[str, Repeats]:
    """One data-set pass by phase and repeat, of the counted ``windows``, all of one meter; a phase may have no repeats.

    ``decode`` and ``total`` are derived, repeat by repeat, from the repeats that hold both parts.
    """
    measured = _passes_by_phase(window for window in windows if window.counted)
    nothing: Repeats = {}
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


def _passes_by_phase(windows: Iterable[PhaseEnergy]) -> dict[str, dict[int, OnePass]]:
    grouped: dict[tuple[str, int], list[PhaseEnergy]] = {}
    for window in windows:
        grouped.setdefault((window.phase, window.repeat), []).append(window)
    by_phase: dict[str, dict[int, OnePass]] = {}
    for (phase, repeat), parts in grouped.items():
        by_phase.setdefault(phase, {})[repeat] = _one_pass(parts)
    return by_phase


def _one_pass(windows: list[PhaseEnergy]) -> OnePass:
    """One pass of windows of the same phase and repeat, which are added before they are divided by their passes.

    A tick error is uniform between plus and minus its bound, so its standard deviation is the bound / sqrt(3)
    (JCGM 100:2008, "GUM", 4.3.7). Windows and devices tick independently: variances are added.
    """
    passes = sum(window.passes for window in windows)
    known_j = [window.total_j for window in windows if window.total_j is not None]
    bounds_j = [bound_j for window in windows for bound_j in window.uncertainty_j.values()]
    return OnePass(
        duration_s=sum(window.duration_s for window in windows) / passes,
        energy_j=sum(known_j) / passes if len(known_j) == len(windows) else None,
        tick_bound_j=sum(bounds_j) / passes,
        tick_sigma_j=math.hypot(*bounds_j) / math.sqrt(3) / passes,
    )
