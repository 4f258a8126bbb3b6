"""From measured windows to figures of one data-set pass: means, standard deviations, intervals, what is unresolved."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from energy_score.contract.run_report import PhaseEnergy, PhaseStatistics
from energy_score.contract.run_spec import RepeatPolicy
from energy_score.shared.analysis.drift import course_of
from energy_score.shared.analysis.intervals import Interval, correlated_interval, with_floor
from energy_score.shared.analysis.passes import OnePass, Repeats, phases_of

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
# Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
_T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)

# Source: METHOD.md, "Energy, phase by phase": decode under 3 sigma is unresolved, not a number.
_RESOLVED_SIGMAS = 3.0


def phase_statistics(windows: Sequence[PhaseEnergy]) -> tuple[PhaseStatistics, ...]:
    """Statistics of one data-set pass over the counted repeats, one set of phases per (domain, source).

    A window's figures are divided by its passes; windows of the same phase and repeat are added first. Energies are
    in J, durations in s. Of the measured phases ``preprocess``, ``prefill``, ``forward`` and ``call`` are given as
    they are, and two are derived, repeat by repeat, from the repeats that hold both parts:

    - ``decode`` = full - prefill: the full pass repeats the prefill, so its energy is taken off once;
    - ``total`` = preprocess + full (or forward, or call). The prefill pass is a witness of its own, inside full.

    A phase has a mean energy only if each of its repeats has one. Two kinds of phase are ``unresolved`` and have no
    mean either: a ``decode`` under three times ``standard_error_j`` or not above 0, and a ``preprocess`` or
    ``prefill`` under its own tick uncertainty. The total is measured separately and is not affected.
    ``idle_subtracted_j`` is the mean less the idle power of the same meter times the mean duration.

    Repeats follow each other, and a repeat may resemble the one before it: the interval is widened for that
    (``correlated_interval``), and never below its floor. ``drifts`` says that a course was found in the repeats.
    """
    figures: list[PhaseStatistics] = []
    for key in dict.fromkeys((window.domain, window.source) for window in windows if window.counted):
        own = [window for window in windows if (window.domain, window.source) == key]
        idle_w = idle_power_w(own)
        figures += [
            _statistics(phase, repeats, like=own[0], idle_w=idle_w)
            for phase, repeats in phases_of(own).items()
            if repeats
        ]
    return tuple(figures)


def should_stop(windows: Sequence[PhaseEnergy], policy: RepeatPolicy) -> bool:
    """Whether the counted repeats in ``windows`` are enough for ``policy``; asked after each whole repeat.

    Without a target that is after ``policy.repeats``. With one, it is from there on as soon as the half-width of the
    total's 95 % interval is at most ``ci_target`` of its mean, and at ``max_repeats`` whatever the interval. The
    GPU's total counts where there is one, else any. Where a repeat's energy is unknown no further one can
    bring an interval, so ``policy.repeats`` are enough.
    """
    count = len({window.repeat for window in windows if window.counted})
    if count < policy.repeats:
        return False
    if policy.ci_target is None or (policy.max_repeats is not None and count >= policy.max_repeats):
        return True
    totals = [figure for figure in phase_statistics(windows) if figure.phase == "total"]
    total = next((figure for figure in totals if figure.domain == "gpu"), totals[0] if totals else None)
    if total is None or total.mean_energy_j is None:
        return True
    half_width_j = total.ci95_half_width_j
    return half_width_j is not None and half_width_j <= policy.ci_target * total.mean_energy_j


def ci95_half_width(values: Sequence[float]) -> float | None:
    """Half the width of the mean's 95 % confidence interval, in the values' unit: t s / sqrt(n); None for n < 2.

    Beyond 30 degrees of freedom the quantile of 30 is kept, which is wider by at most 4 %.
    """
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    t = _T_95[min(len(values) - 1, len(_T_95)) - 1]
    return t * stdev(values) / math.sqrt(len(values))


def standard_error_j(passes: Sequence[OnePass]) -> float:
    """One standard deviation (sigma) of the mean energy of ``passes``, in J.

    sigma^2 = s^2 / n + sum(u_i^2) / n^2, with s the standard deviation of the n (paired) energies and u_i that of
    pass i's tick error; for decode u_i^2 = u^2(full) + u^2(prefill). Ticks add to s as well, so they are counted
    twice, on purpose: the s of a few repeats may be small by chance, and sigma is never under what the ticks allow.
    One repeat has no s, so only the ticks are left.

    Source: METHOD.md, "Energy, phase by phase"; JCGM 100:2008 ("GUM"), 4.2.3 and 5.1.2.
    """
    count = len(passes)
    ticks_j = math.hypot(*(one_pass.tick_sigma_j for one_pass in passes)) / count
    known_j = [one_pass.energy_j for one_pass in passes if one_pass.energy_j is not None]
    spread_j = stdev(known_j) / math.sqrt(count) if len(known_j) > 1 else 0.0
    return math.hypot(spread_j, ticks_j)


def idle_power_w(windows: Iterable[PhaseEnergy]) -> float | None:
    """Mean power of one meter over the ``idle`` among its ``windows``, in W; None without such a window."""
    idle = [(window.total_j, window.duration_s) for window in windows if window.phase == "idle" and not window.counted]
    known = [(energy_j, duration_s) for energy_j, duration_s in idle if energy_j is not None]
    duration_s = sum(duration_s for _, duration_s in known)
    return sum(energy_j for energy_j, _ in known) / duration_s if duration_s > 0 else None


def _statistics(phase: str, repeats: Repeats, *, like: PhaseEnergy, idle_w: float | None) -> PhaseStatistics:
    """``like`` is any window of the meter: it says domain and source."""
    passes = tuple(repeats[number] for number in sorted(repeats))
    known_j = [one_pass.energy_j for one_pass in passes if one_pass.energy_j is not None]
    energies_j = known_j if len(known_j) == len(passes) else []
    unresolved = bool(energies_j) and _is_unresolved(phase, fmean(energies_j), passes)
    mean_energy_j = fmean(energies_j) if energies_j and not unresolved else None
    mean_duration_s = fmean(one_pass.duration_s for one_pass in passes)
    interval, course = correlated_interval(energies_j), course_of(energies_j)
    return PhaseStatistics(
        phase=phase,
        domain=like.domain,
        source=like.source,
        repeats=len(passes),
        mean_duration_s=mean_duration_s,
        mean_energy_j=mean_energy_j,
        stdev_energy_j=stdev(energies_j) if len(energies_j) > 1 else None,
        ci95_half_width_j=with_floor(_half_width_j(energies_j, interval), fmean(energies_j)) if energies_j else None,
        effective_repeats=None if interval is None else interval.effective_repeats,
        drifts=course is not None and course.drifts,
        unresolved=unresolved,
        idle_subtracted_j=(
            None if mean_energy_j is None or idle_w is None else mean_energy_j - idle_w * mean_duration_s
        ),
    )


def _half_width_j(energies_j: Sequence[float], interval: Interval | None) -> float | None:
    """The half-width that reckons with correlated repeats; as if they were independent where they are too few."""
    independent_j = ci95_half_width(energies_j)
    if interval is None or independent_j is None:
        return independent_j
    return max(interval.half_width, independent_j)


def _is_unresolved(phase: str, mean_energy_j: float, passes: Sequence[OnePass]) -> bool:
    match phase:
        case "decode":
            return mean_energy_j <= 0 or mean_energy_j < _RESOLVED_SIGMAS * standard_error_j(passes)
        case "preprocess" | "prefill":
            return mean_energy_j < fmean(one_pass.tick_bound_j for one_pass in passes)
        case _:
            return False
