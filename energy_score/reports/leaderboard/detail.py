"""What a model's page shows beyond the leaderboard: figures by phase, verdict, power, environment."""

import csv
import gzip
import io
import warnings
import zlib
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure

from energy_score.contract.errors import RecordError
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.plain_text import shorten
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import PhaseStatistics, RunReport, Verdict
from energy_score.contract.units import watt_hours
from energy_score.reports.results_table.report_row import apply_host_check

# Each GPU's trace is drawn with at most this many points; a night has a hundred thousand.
_POINTS = 1200
_LABEL_MAX = 40
_COLORS = ("#0b6e99", "#d9822b", "#6a4c93", "#2a7d43", "#b03a2e", "#7f8c8d", "#c71585", "#8d6e00")


@dataclass(frozen=True)
class PhaseLine:
    """One phase in Wh per 1,000 queries, with the energy sources."""

    phase: str
    domain: str
    source: str
    mean_wh: float | None
    stdev_wh: float | None
    half_width_wh: float | None
    duration_s: float
    repeats: int
    unresolved: bool


@dataclass(frozen=True)
class Detail:
    """Everything about one run on its page. ``trace_svg`` is None if nothing was sampled."""

    report: RunReport
    verdict: Verdict
    phases: tuple[PhaseLine, ...]
    environment: tuple[tuple[str, str], ...]
    trace_svg: str | None


def read_detail(directory: RunDirectory) -> Detail:
    """Return the details of a finished run.

    Raises:
        RecordError: Its report or host check cannot be read.
    """
    report, witness = directory.report(), directory.witness()
    try:
        owner = directory.owner()
    except RecordError:
        owner = None  # as in the results table, which has the same verdict
    return Detail(
        report=report,
        verdict=apply_host_check(report, witness=witness, owner=owner),
        phases=tuple(_phase_line(one, report) for one in report.statistics if one.source is not None),
        environment=tuple(_environment(report, witness)),
        trace_svg=_trace_svg(directory),
    )


def _phase_line(statistics: PhaseStatistics, report: RunReport) -> PhaseLine:
    per_1000 = 1000 / report.queries.succeeded if report.queries.succeeded else None

    def wh(energy_j: float | None) -> float | None:
        return None if energy_j is None or per_1000 is None else watt_hours(energy_j) * per_1000

    return PhaseLine(
        phase=statistics.phase,
        domain=statistics.domain or "",
        source=statistics.source or "",
        mean_wh=wh(statistics.mean_energy_j),
        stdev_wh=wh(statistics.stdev_energy_j),
        half_width_wh=wh(statistics.ci95_half_width_j),
        duration_s=statistics.mean_duration_s,
        repeats=statistics.repeats,
        unresolved=statistics.unresolved,
    )


def _environment(report: RunReport, witness: HostWitness | None) -> list[tuple[str, str]]:
    spec, model, hardware = report.spec, report.model, report.hardware
    limits = spec.generation
    lines = [
        ("GPUs", ", ".join(f"{gpu.name} ({gpu.memory_mib} MiB)" for gpu in hardware.gpus) or "none"),
        ("CPU", f"{hardware.cpu}, {hardware.cpu_count} logical cores, {hardware.memory_mib} MiB"),
        ("model commit", model.commit or "unknown"),
        ("parameters", f"{model.parameter_count:,}" if model.parameter_count is not None else "unknown"),
        ("precision", ", ".join(filter(None, (model.dtype, model.quantization))) or "unknown"),
        ("attention", model.attention or "unknown"),
        ("dataset", f"{spec.dataset.name or 'local file'} at {report.dataset_revision or 'no revision'}"),
        ("queries", f"{report.queries.succeeded} of {report.queries.asked} answered"),
        ("backend", spec.backend),
        ("protocol", f"{spec.repeat_policy.protocol}, {spec.repeat_policy.repeats} repeats"),
        ("seed", f"{limits.seed}"),
        ("meters", "; ".join(report.meters) or "none"),
        ("host check", "same counters read" if witness and witness.source else "none"),
    ]
    if limits.max_new_tokens is not None:
        lines.insert(8, ("new tokens", f"{limits.min_new_tokens} to {limits.max_new_tokens}"))
    if spec.image:
        lines.append(("container image", spec.image))
    return [*lines, *sorted(report.software.items())]


def _trace_svg(directory: RunDirectory) -> str | None:
    """Return the sampled power of each GPU over the run as SVG, thinned by averaging neighbors."""
    series = _power_by_gpu(directory)
    if not series:
        return None
    content = io.StringIO()
    # A dollar sign in a GPU's label is not a formula.
    with (
        rc_context({"svg.hashsalt": "ai-energy-score", "svg.fonttype": "path", "text.parse_math": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        _drawn(series).savefig(content, format="svg", transparent=False, metadata={"Date": None})
    text = content.getvalue()
    return text[text.index("<svg") :]  # what comes before is only for separate files


def _drawn(series: dict[str, list[tuple[float, float]]]) -> Figure:
    figure = Figure(figsize=(9.0, 2.6), layout="constrained")
    axes = figure.subplots()
    for number, (gpu, points) in enumerate(sorted(series.items())):
        step = max(1, -(-len(points) // _POINTS))
        groups = [points[start : start + step] for start in range(0, len(points), step)]
        axes.plot(
            [sum(time_s for time_s, _ in group) / len(group) for group in groups],
            [sum(power_w for _, power_w in group) / len(group) for group in groups],
            color=_COLORS[number % len(_COLORS)],
            linewidth=1.0,
            label=f"GPU {shorten(gpu, _LABEL_MAX)}",
        )
    axes.set_xlabel("s since the first sample")
    axes.set_ylabel("W")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    if len(series) > 1:
        axes.legend(frameon=False, ncols=4)
    return figure


def _power_by_gpu(directory: RunDirectory) -> dict[str, list[tuple[float, float]]]:
    series: dict[str, list[tuple[float, float]]] = {}
    if not directory.trace_file.exists():
        return series
    try:
        with gzip.open(directory.trace_file, "rt", encoding="ascii", newline="") as stream:
            for line in csv.DictReader(stream):
                if line["power_w"]:
                    series.setdefault(line["gpu"], []).append((float(line["time_s"]), float(line["power_w"])))
    except (OSError, EOFError, KeyError, ValueError, csv.Error, zlib.error):
        return {}  # a damaged trace gives no picture; the figures do not come from it
    return series
