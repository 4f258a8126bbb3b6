"""The documented files beside the report, each written whole or not at all."""

import json
import math
from collections.abc import Iterable

from energy_score.contract.csv_text import table_text
from energy_score.contract.grid import grid_factor
from energy_score.contract.record import write_atomically
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_report import PhaseStatistics, RunReport
from energy_score.contract.units import watt_hours
from energy_score.engine.benchmark import Answer
from energy_score.engine.query_log import QueryRecord


def write_queries(directory: RunDirectory, records: Iterable[QueryRecord]) -> None:
    """``benchmark_results.csv``: one row per query; times in s are means over the counted passes."""
    header = (
        "query_index", "status", "prompt_tokens", "completion_tokens", "finish_reason", "latency_seconds",
        "time_to_first_token_seconds", "retried", "error_message", "truncated", "input_images", "input_audio_seconds",
        "output_images",
    )  # fmt: skip
    rows = (
        (
            record.index,
            "success" if record.succeeded else "failed",
            record.prompt_tokens,
            record.completion_tokens,
            record.finish_reason,
            record.mean_latency_s,
            record.mean_first_token_s,
            str(record.retried).lower(),
            record.error,
            str(record.truncated).lower(),
            record.input_images,
            record.input_audio_s,
            record.output_images,
        )
        for record in records
    )
    write_atomically(directory.queries_file, table_text(header, rows))


def write_texts(directory: RunDirectory, answers: Iterable[Answer]) -> None:
    """``texts.jsonl``: each rendered prompt and its answer."""
    lines = (
        json.dumps({"query_index": answer.index, "prompt": answer.rendered, "completion": answer.completion})
        for answer in answers
    )
    write_atomically(directory.texts_file, "".join(f"{line}\n" for line in lines))


def write_energy_files(directory: RunDirectory, report: RunReport) -> None:
    """``GPU_ENERGY_SUMMARY.json`` always; ``GPU_ENERGY_WH.txt`` and ``emissions/`` only where a GPU was measured."""
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
    write_atomically(directory.energy_summary_file, json.dumps(summary, indent=1) + "\n")
    if total_wh is None:
        return
    write_atomically(directory.energy_file, format_wh(total_wh) + "\n")
    factor = grid_factor(report.spec.region)
    directory.emissions_file.parent.mkdir(exist_ok=True)
    header = ("timestamp", "run_id", "gpu_energy_kwh", "region", "grid_g_per_kwh", "co2_g", "kind", "factor_source")
    row = (
        report.finished_at.isoformat(timespec="seconds"),
        report.run_id,
        total_wh / 1000,
        factor.region,
        factor.g_per_kwh,
        total_wh / 1000 * factor.g_per_kwh,
        "estimate",
        factor.source,
    )
    write_atomically(directory.emissions_file, table_text(header, [row]))


def format_wh(energy_wh: float) -> str:
    """Plain decimal notation with two decimals, or as many as show four digits of a small figure."""
    if energy_wh == 0 or not math.isfinite(energy_wh):
        return f"{energy_wh:.2f}"
    decimals = max(2, 3 - math.floor(math.log10(abs(energy_wh))))
    return f"{energy_wh:.{decimals}f}"


def _mean_wh(figure: PhaseStatistics | None) -> float | None:
    return None if figure is None else watt_hours(figure.mean_energy_j)
