"""Further figures from a run's GPU energy: idle, power, cross-check, per token, overhead."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from energy_score.contract.run_report import PhaseEnergy, PhaseStatistics, RunReport
from energy_score.contract.units import watt_hours
from energy_score.shared.analysis.integral_check import integral_check


@dataclass(frozen=True)
class GpuFigures:
    """The ``ResultRow`` columns with the same names; None if not measured."""

    idle_subtracted_wh: float | None = None
    idle_power_w: float | None = None
    mean_power_w: float | None = None
    peak_power_w: float | None = None
    integral_discrepancy_percent: float | None = None
    energy_per_output_token_j: float | None = None
    energy_per_input_token_j: float | None = None
    load_energy_wh: float | None = None


def gpu_figures(report: RunReport, by_phase: Mapping[str, PhaseStatistics]) -> GpuFigures:
    """Return the figures that go with the total in ``by_phase``, the GPU's statistics; all from the total's source.

    J per output token is the total energy per completion token, J per input token the energy of prefill per
    prompt token. Source: METHOD.md, "Statistics".
    """
    total, prefill = by_phase.get("total"), by_phase.get("prefill")
    if total is None:
        return GpuFigures()
    windows = [window for window in report.phases if window.domain == "gpu" and window.source is total.source]
    overhead = [window for window in windows if not window.counted]
    idle = [window for window in overhead if window.phase == "idle" and window.total_j is not None]
    check = integral_check(windows)
    peaks_w = [gpu.peak_power_w for gpu in report.conditions if gpu.peak_power_w is not None]
    return GpuFigures(
        idle_subtracted_wh=watt_hours(total.idle_subtracted_j),
        idle_power_w=quotient(_energy_j(idle), sum(window.duration_s for window in idle)),
        mean_power_w=quotient(total.mean_energy_j, total.mean_duration_s),
        peak_power_w=sum(peaks_w) if peaks_w and len(peaks_w) == len(report.conditions) else None,
        integral_discrepancy_percent=None if check is None else 100 * check.discrepancy,
        energy_per_output_token_j=quotient(total.mean_energy_j, report.tokens.completion),
        energy_per_input_token_j=quotient(prefill.mean_energy_j if prefill else None, report.tokens.prompt),
        load_energy_wh=watt_hours(_energy_j([window for window in overhead if window.phase == "load"])),
    )


def quotient(dividend: float | None, divisor: float | None) -> float | None:
    """Return the quotient, or None if a side is unknown or the divisor is (nearly) 0."""
    rate = dividend / divisor if dividend is not None and divisor else None
    return None if rate is None or math.isinf(rate) else rate


def product(value: float | None, factor: float | None) -> float | None:
    """Return the product, or None if a side is unknown."""
    return None if value is None or factor is None else value * factor


def _energy_j(windows: Sequence[PhaseEnergy]) -> float | None:
    """Return the energy of all ``windows`` in J; None if there are none or one has no figure."""
    known = [window.total_j for window in windows if window.total_j is not None]
    return sum(known) if known and len(known) == len(windows) else None
