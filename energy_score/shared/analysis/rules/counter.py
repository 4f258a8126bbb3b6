"""Whether the energy counter itself can be believed."""

from energy_score.contract.plain_text import counted
from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import WORK_PHASES, PhaseEnergy, VerdictReason
from energy_score.shared.analysis.rules.facts import Facts

# Source: METHOD.md, "Verdict of a run": a discrepancy of counter and integral over 5 % invalidates, over 2 % warns.
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
    """Invalid: the integral of sampled power is far from the counter in a work window; the worst is named."""
    worst = _largest_discrepancy(facts)
    if worst is None or worst[0] <= MAX_DISCREPANCY:
        return None
    return invalid(
        "integral_discrepancy",
        f"counter and integrated power disagree in {_name(worst[1])}, the worst: one of the two is wrong",
        observed=f"{worst[0]:.1%}",
        threshold=f"<= {MAX_DISCREPANCY:.0%}",
    )


def integral_deviates_from_the_counter(facts: Facts) -> VerdictReason | None:
    """Warning: the integral of sampled power is near the counter, not at it; the worst is named."""
    worst = _largest_discrepancy(facts)
    if worst is None or not DISCREPANCY_TO_WARN < worst[0] <= MAX_DISCREPANCY:
        return None
    return warning(
        "integral_deviation",
        f"counter and integrated power differ in {_name(worst[1])}, the worst",
        observed=f"{worst[0]:.1%}",
        threshold=f"<= {DISCREPANCY_TO_WARN:.0%}",
    )


def ticks_are_coarse(facts: Facts) -> VerdictReason | None:
    """Warning: a prefill or work window's ticks weigh more than 1 % of its energy; the worst is named."""
    parts = [
        (uncertainty_j / energy_j, window)
        for window in facts.gpu_windows
        if window.phase in ("prefill", *WORK_PHASES)
        for device, uncertainty_j in window.uncertainty_j.items()
        if (energy_j := window.energy_j.get(device, 0.0)) > 0
    ]
    worst = max(parts, key=lambda part: part[0], default=None)
    if worst is None or worst[0] <= MAX_TICK_UNCERTAINTY:
        return None
    return warning(
        "tick_uncertainty",
        f"the counter's ticks leave {_name(worst[1])}, the worst, uncertain; longer phases bring it down",
        observed=f"{worst[0]:.1%}",
        threshold=f"<= {MAX_TICK_UNCERTAINTY:.0%}",
    )


def phase_is_unresolved(facts: Facts) -> VerdictReason | None:
    """Warning: a phase's energy is smaller than what can be told apart from zero, so it has no figure."""
    unresolved = [figure.phase for figure in facts.gpu_statistics if figure.unresolved]
    if not unresolved:
        return None
    return warning(
        "phase_unresolved",
        f"the energy of {' and '.join(unresolved)} is too small to be told from the noise and has no figure; "
        "the total is measured by itself",
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


def _largest_discrepancy(facts: Facts) -> tuple[float, PhaseEnergy] | None:
    """The largest discrepancy of counter and integral among the GPU's work windows, as a part of the counter."""
    parts = [
        (discrepancy, window)
        for window in facts.gpu_windows
        if window.phase in WORK_PHASES and (discrepancy := window.integral_discrepancy) is not None
    ]
    return max(parts, key=lambda part: part[0], default=None)
