"""Whether the energy counter itself can be believed."""

from collections.abc import Iterator

from energy_score.contract.plain_text import counted
from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import WORK_PHASES, PhaseEnergy, PhaseStatistics, VerdictReason
from energy_score.shared.analysis.integral_check import STANDARD_ERRORS, integral_check
from energy_score.shared.analysis.intervals import FLOOR
from energy_score.shared.analysis.passes import PAUSE_UNCERTAINTY
from energy_score.shared.analysis.rules.facts import Facts

# Source: METHOD.md, "Transient faults, sensors, intervals": the sum over all work windows is judged, against a limit
# that includes the standard error of the integral's sum. 5 %, and 2 % for a warning, are the limits without it.
MAX_DISCREPANCY = 0.05
DISCREPANCY_TO_WARN = 0.02
# Source: METHOD.md, "Energy, phase by phase": a window's minimum length is that which brings its ticks under 1 %.
MAX_TICK_UNCERTAINTY = 0.01


def counter_was_reset(facts: Facts) -> VerdictReason | None:
    """Invalid: a counter went back to a lower figure, so what it counted is lost."""
    seen = _faults(facts, "counter_reset")
    if not seen:
        return None
    return invalid(
        "counter_reset",
        f"the energy counter was reset: {seen[0]}; the driver was reloaded or the GPU reset, so run it again",
        observed=_windows(seen),
        threshold="0 windows",
    )


def counter_was_frozen(facts: Facts) -> VerdictReason | None:
    """Invalid: a counter stood still while the GPU drew power."""
    seen = _faults(facts, "counter_frozen")
    if not seen:
        return None
    return invalid(
        "counter_frozen",
        f"the energy counter stood still: {seen[0]}",
        observed=_windows(seen),
        threshold="0 windows",
    )


def counter_was_lost(facts: Facts) -> VerdictReason | None:
    """Invalid: a counter gave no figure, for any other cause than those that have a rule of their own."""
    seen = _faults(facts, "counter_reset", "counter_frozen", named=False)
    if not seen:
        return None
    return invalid(
        "counter_lost",
        f"the energy counter gave no figure: {seen[0]}",
        observed=_windows(seen),
        threshold="0 windows",
    )


def integral_contradicts_the_counter(facts: Facts) -> VerdictReason | None:
    """Invalid: over all work windows the integral of sampled power is far from the counter."""
    seen = integral_check(facts.gpu_windows)
    if seen is None or seen.discrepancy <= seen.limit(MAX_DISCREPANCY):
        return None
    return invalid(
        "integral_discrepancy",
        f"counter and integrated power of {seen.device} disagree over all {seen.windows} work windows: one is wrong",
        observed=f"{seen.discrepancy:.1%}",
        threshold=f"<= {seen.limit(MAX_DISCREPANCY):.1%}",
    )


def integral_deviates_from_the_counter(facts: Facts) -> VerdictReason | None:
    """Warning: the integral is near the counter over all work windows, not at it, or far from it in a single one."""
    seen, worst = integral_check(facts.gpu_windows), _largest_discrepancy(facts)
    if seen is None or worst is None or seen.discrepancy > seen.limit(MAX_DISCREPANCY):
        return None
    if seen.discrepancy > seen.limit(DISCREPANCY_TO_WARN):
        where, observed, limit = f"all {seen.windows} work windows", seen.discrepancy, seen.limit(DISCREPANCY_TO_WARN)
    elif worst[0] > MAX_DISCREPANCY + STANDARD_ERRORS * _integral_error(worst[1]):
        where, observed = f"{_name(worst[1])}, the worst window", worst[0]
        limit = MAX_DISCREPANCY + STANDARD_ERRORS * _integral_error(worst[1])
    else:
        return None
    return warning(
        "integral_deviation",
        f"counter and integrated power differ in {where}",
        observed=f"{observed:.1%}",
        threshold=f"<= {limit:.1%}",
    )


def ticks_are_coarse(facts: Facts) -> VerdictReason | None:
    """Warning: the ticks of a phase's windows weigh more than 1 % of its energy in the mean of the repeats."""
    worst = max(_tick_shares(facts), default=None)
    if worst is None or worst[0] <= MAX_TICK_UNCERTAINTY:
        return None
    return warning(
        "tick_uncertainty",
        f"the counter's ticks leave phase {worst[1]} uncertain in the mean of its repeats; longer phases bring it down",
        observed=f"{worst[0]:.1%}",
        threshold=f"<= {MAX_TICK_UNCERTAINTY:.0%}",
    )


def repeats_drift(facts: Facts) -> VerdictReason | None:
    """Warning: the total follows a course from repeat to repeat, so that its interval may be too narrow."""
    total = next((figure for figure in facts.gpu_statistics if figure.phase == "total"), None)
    if total is None or not total.drifts or _interval_is_its_floor(total):
        return None
    effective = "unknown" if total.effective_repeats is None else f"{total.effective_repeats:.1f} of {total.repeats}"
    return warning(
        "drift",
        "the repeats' energy has a trend, or each resembles the one before it: the mean is known less well than "
        "independent repeats would tell it",
        observed=f"{effective} repeats are independent",
        threshold="no trend (2 %) and no correlation of neighbours (3 %)",
    )


def run_stood_still(facts: Facts) -> VerdictReason | None:
    """Invalid: the run was stopped or hung in a window, also when that was measured again."""
    measured = [window for window in facts.windows if window.counted or window.phase == "idle"]
    stalled = [window for window in measured if "stalled" in window.defects]
    if not stalled:
        return None
    names = list(dict.fromkeys(_name(window) for window in stalled))
    return invalid(
        "stalled",
        f"the run stood still in {names[0]}: it was suspended or stopped, or a query hung; energy of that time counts "
        "as the model's",
        observed=counted(len(names), "window"),
        threshold="0 windows",
    )


def phase_is_unresolved(facts: Facts) -> VerdictReason | None:
    """Warning: a phase's energy is smaller than what can be told apart from zero, so it has no figure."""
    unresolved = [figure.phase for figure in facts.gpu_statistics if figure.unresolved]
    if not unresolved:
        return None
    return warning(
        "phase_unresolved",
        f"the energy of {' and '.join(unresolved)} is too small to be told from the noise and has no figure; "
        "the total is measured separately",
        observed=", ".join(unresolved),
        threshold="decode >= 3 sigma; preprocess and prefill >= their tick uncertainty",
    )


def _faults(facts: Facts, *codes: str, named: bool = True) -> list[str]:
    """Where a counter had a fault among ``codes``, or with ``named=False`` any other one, as text."""
    return [
        f"{device} in {_name(window)}" if named else f"{device} in {_name(window)} ({fault})"
        for window in facts.counter_windows
        for device, fault in window.faults.items()
        if (fault in codes) is named
    ]


def _windows(seen: list[str]) -> str:
    return counted(len(seen), "window")


def _name(window: PhaseEnergy) -> str:
    return f"phase {window.phase}, repeat {window.repeat}"


def _tick_shares(facts: Facts) -> Iterator[tuple[float, str]]:
    """The mean uncertainty of each phase by GPU, without its pauses, as a part of its mean energy; with its name."""
    windows = [window for window in facts.gpu_windows if window.phase in ("prefill", *WORK_PHASES)]
    for phase in dict.fromkeys(window.phase for window in windows):
        own = [window for window in windows if window.phase == phase]
        for device in dict.fromkeys(device for window in own for device in window.uncertainty_j):
            energy_j = sum(window.energy_j.get(device, 0.0) for window in own)
            if energy_j > 0:
                pauses_j = PAUSE_UNCERTAINTY * sum(window.pause_energy_j.get(device, 0.0) for window in own)
                yield (sum(window.uncertainty_j.get(device, 0.0) for window in own) - pauses_j) / energy_j, phase


def _interval_is_its_floor(figure: PhaseStatistics) -> bool:
    """Whether the repeats are so much alike that their course is lost in the interval's floor."""
    half_width_j, mean_j = figure.ci95_half_width_j, figure.mean_energy_j
    return half_width_j is not None and mean_j is not None and half_width_j <= FLOOR * abs(mean_j)


def _integral_error(window: PhaseEnergy) -> float:
    """The standard error of the window's integral as a part of its energy: the worst GPU's; 0 where not known."""
    parts = [
        sigma_j / energy_j
        for device, sigma_j in window.integral_sigma_j.items()
        if (energy_j := window.energy_j.get(device, 0.0)) > 0
    ]
    return max(parts, default=0.0)


def _largest_discrepancy(facts: Facts) -> tuple[float, PhaseEnergy] | None:
    """The largest discrepancy of counter and integral among the GPU's work windows, as a part of the counter."""
    parts = [
        (discrepancy, window)
        for window in facts.gpu_windows
        if window.phase in WORK_PHASES and (discrepancy := window.integral_discrepancy) is not None
    ]
    return max(parts, key=lambda part: part[0], default=None)
