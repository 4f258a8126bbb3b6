"""The documented files that hold a report's GPU energy, as text: what the engine writes, and what must follow again."""

import json
import math
from pathlib import Path

from energy_score.contract.csv_text import table_text
from energy_score.contract.grid import grid_factor
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import PhaseStatistics, RunReport
from energy_score.contract.units import watt_hours


def energy_files(report: RunReport, directory: RunDirectory) -> dict[Path, str]:
    """The text of each file by its path in ``directory``; without a GPU measurement only the summary.

    Raises:
        UsageError: the report's region is not known.
    """
    statistics = {figure.phase: figure for figure in report.statistics if figure.domain == "gpu"}
    phases_wh = {phase: _mean_wh(statistics.get(phase)) for phase in ("preprocess", "prefill", "decode")}
    total_wh = _mean_wh(statistics.get("total"))
    source = statistics["total"].source if "total" in statistics else None
    summary = {
        "units": "Wh",
        "total": total_wh,
        "format": "energy_score run_report v1",
        **{f"{phase}_wh": energy_wh for phase, energy_wh in phases_wh.items()},
        "source": source,
        "status": report.verdict.status,
        "rateable": report.verdict.rateable,
        "queries": report.queries.succeeded,
        "meaning": "mean of the counted repeats, one pass over all queries; null is not measured",
    }
    files = {directory.energy_summary_file: json.dumps(summary, indent=1) + "\n"}
    if total_wh is not None:
        files[directory.energy_file] = format_wh(total_wh) + "\n"
        files[directory.emissions_file] = _emissions(report, energy_kwh=total_wh / 1000)
    return files


def format_wh(energy_wh: float) -> str:
    """Plain decimal notation with two decimals, or as many as show four digits of a small figure."""
    if energy_wh == 0 or not math.isfinite(energy_wh):
        return f"{energy_wh:.2f}"
    decimals = max(2, 3 - math.floor(math.log10(abs(energy_wh))))
    return f"{energy_wh:.{decimals}f}"


def _emissions(report: RunReport, *, energy_kwh: float) -> str:
    factor = grid_factor(report.spec.region)
    emissions = {
        "timestamp": report.finished_at.isoformat(timespec="seconds"),
        "run_id": report.run_id,
        "gpu_energy_kwh": energy_kwh,
        "region": factor.region,
        "grid_g_per_kwh": factor.g_per_kwh,
        "co2_g": energy_kwh * factor.g_per_kwh,
        "kind": "estimate",
        "factor_source": factor.source,
    }
    return table_text(tuple(emissions), [emissions.values()])


def _mean_wh(figure: PhaseStatistics | None) -> float | None:
    return None if figure is None else watt_hours(figure.mean_energy_j)
