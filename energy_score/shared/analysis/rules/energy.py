"""Whether the energy figures are measurements of the work."""

from energy_score.contract.reasons import invalid
from energy_score.contract.run_report import WORK_PHASES, VerdictReason
from energy_score.shared.analysis.rules.facts import Facts

# A counter with a 100 ms period needs 8-10 s for 1 % in the worst case (simulated for the method).
MIN_PHASE_S = 10.0


def gpu_energy_is_unmeasured(facts: Facts) -> VerdictReason | None:
    """Invalid: no counted window holds GPU energy."""
    if facts.gpu_windows:
        return None
    return invalid(
        "gpu_energy_unmeasured",
        f"GPU energy not measured: {facts.gpu_unmeasured or 'no counted window has a figure'}",
        observed="0 windows with GPU energy",
        threshold="1 window with GPU energy",
    )


def source_is_no_measurement(facts: Facts) -> VerdictReason | None:
    """Invalid: GPU figures were replayed, simulated or estimated."""
    sources = {window.source for window in facts.gpu_windows if window.source is not None}
    others = sorted(source.value for source in sources if not source.is_gpu_measurement)
    if not others:
        return None
    return invalid(
        "not_a_gpu_measurement",
        f"the GPU energy is {' and '.join(others)}, not a measurement of a GPU",
        observed=", ".join(others),
        threshold="nvml-counter or nvml-power",
    )


def gpu_energy_is_not_positive(facts: Facts) -> VerdictReason | None:
    """Invalid: a GPU's counter stood still or ran backwards while the queries ran."""
    readings = [
        (energy_j, uuid, window)
        for window in facts.gpu_windows
        if window.phase in WORK_PHASES
        for uuid, energy_j in window.energy_j.items()
        if energy_j <= 0
    ]
    if not readings:
        return None
    energy_j, uuid, window = min(readings, key=lambda reading: reading[0])
    return invalid(
        "gpu_energy_not_positive",
        f"{uuid} used {energy_j:g} J in phase {window.phase}, repeat {window.repeat}: its counter froze or was reset",
        observed=f"{energy_j:g} J",
        threshold="> 0 J",
    )


def phase_is_too_short(facts: Facts) -> VerdictReason | None:
    """Invalid: a counted window is too short for the counter; the shortest is named."""
    short = [window for window in facts.counted if window.duration_s < MIN_PHASE_S]
    if not short:
        return None
    worst = min(short, key=lambda window: window.duration_s)
    return invalid(
        "phase_too_short",
        f"phase {worst.phase}, repeat {worst.repeat}, the shortest, is too short for the energy counter; the "
        "official protocol loops the dataset until the minimum",
        observed=f"{worst.duration_s:.3f} s",
        threshold=f">= {MIN_PHASE_S:g} s",
    )
