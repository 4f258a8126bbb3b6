"""The row of a finished run: all columns of the table, derived from its report."""

from collections import Counter
from hashlib import sha256

from energy_score.contract.errors import UsageError
from energy_score.contract.grid import GridFactor, grid_factor
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import (
    Domain,
    EnergySource,
    Gpu,
    Hardware,
    PhaseStatistics,
    QueryStatistics,
    RunReport,
    Verdict,
)
from energy_score.contract.server_use import ServerUse
from energy_score.contract.units import JOULES_PER_WH, watt_hours
from energy_score.reports.results_table.gpu_figures import gpu_figures, quotient
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.reports.results_table.witness_rules import reconcile, with_concurrency
from energy_score.shared.chat_template.decision import decide_for_spec


def make_report_row(
    report: RunReport,
    region: str | None = None,
    *,
    witness: HostWitness | None = None,
    owner: RunOwner | None = None,
) -> ResultRow:
    """Return the row of ``report``; CO2 is for ``region``, or for the region in the run spec.

    The verdict is the report's after the host check: the ``witness``, and what the run's ``owner`` knows of other runs.
    ``throughput_tokens_per_second`` counts completion tokens over the duration of one pass. ``timestamp`` is the
    run's end.

    Raises:
        UsageError: ``region`` is unknown.
    """
    spec, queries, tokens = report.spec, report.queries, report.tokens
    total = _duration_statistics(report.statistics)
    gpu = _energy_by_phase(report.statistics, "gpu")
    cpu = _energy_by_phase(report.statistics, "cpu")
    gpu_total, cpu_total = gpu.get("total"), cpu.get("total")
    gpu_energy_wh = _mean_wh(gpu_total)
    figures = gpu_figures(report, gpu)
    concurrent_runs = _concurrent_runs(report, owner)
    verdict = apply_host_check(report, witness=witness, owner=owner)
    per_query_wh = quotient(gpu_energy_wh, queries.succeeded)
    factor = _factor(region, spec.region) if gpu_energy_wh is not None else None
    return ResultRow(
        model_name=spec.model_id,
        model_class=spec.model_class,
        task=spec.task,
        reasoning_state=spec.reasoning_state,
        total_prompts=queries.asked,
        successful_prompts=queries.succeeded,
        failed_prompts=queries.failed,
        total_duration_seconds=total.mean_duration_s if total else None,
        avg_latency_seconds=queries.mean_latency_s,
        total_tokens=tokens.total,
        total_prompt_tokens=tokens.prompt,
        total_completion_tokens=tokens.completion,
        throughput_tokens_per_second=quotient(tokens.completion, total.mean_duration_s if total else None),
        gpu_energy_wh=gpu_energy_wh,
        co2_emissions_g=gpu_energy_wh / 1000 * factor.g_per_kwh if factor and gpu_energy_wh is not None else None,
        tokens_per_joule=quotient(tokens.total, gpu_energy_wh * JOULES_PER_WH if gpu_energy_wh else None),
        avg_energy_per_prompt_wh=per_query_wh,
        timestamp=report.finished_at,
        error_message=_partial_failure(queries),
        wh_per_1000_queries=None if per_query_wh is None else 1000 * per_query_wh,
        preprocess_wh=_mean_wh(gpu.get("preprocess")),
        prefill_wh=_mean_wh(gpu.get("prefill")),
        decode_wh=_mean_wh(gpu.get("decode")),
        gpu_energy_stdev_wh=watt_hours(gpu_total.stdev_energy_j) if gpu_total else None,
        gpu_energy_ci95_half_width_wh=watt_hours(gpu_total.ci95_half_width_j) if gpu_total else None,
        repeats=total.repeats if total else None,
        energy_source=gpu_total.source if gpu_total else None,
        energy_status=verdict.status,
        rateable=verdict.rateable,
        comparable=verdict.comparable,
        verdict_reasons="; ".join(reason.code for reason in verdict.reasons),
        cpu_energy_wh=_mean_wh(cpu_total),
        cpu_energy_source=cpu_total.source if cpu_total else None,
        time_to_first_token_seconds=queries.mean_time_to_first_token_s,
        inter_token_latency_p50_seconds=queries.inter_token_latency_p50_s,
        inter_token_latency_p95_seconds=queries.inter_token_latency_p95_s,
        inter_token_latency_p99_seconds=queries.inter_token_latency_p99_s,
        co2_factor_g_per_kwh=factor.g_per_kwh if factor else None,
        co2_region=factor.region if factor else None,
        hardware=_hardware_name(report.hardware),
        gpu_count=len(report.hardware.gpus),
        backend=spec.backend,
        dtype=report.model.dtype,
        model_commit=report.model.commit,
        random_weights=report.model.random_weights,
        dataset=spec.dataset.name or spec.dataset.path,
        protocol=spec.repeat_policy.protocol,
        max_new_tokens=None if tokens.completion is None else spec.generation.max_new_tokens,
        notes="; ".join(_notes(report)),
        run_id=report.run_id,
        idle_subtracted_wh=figures.idle_subtracted_wh,
        idle_power_w=figures.idle_power_w,
        mean_power_w=figures.mean_power_w,
        peak_power_w=figures.peak_power_w,
        integral_discrepancy_percent=figures.integral_discrepancy_percent,
        energy_per_output_token_j=figures.energy_per_output_token_j,
        energy_per_input_token_j=figures.energy_per_input_token_j,
        load_energy_wh=figures.load_energy_wh,
        image=spec.image,
        total_input_images=report.media.input_images,
        total_input_audio_seconds=report.media.input_audio_s,
        total_output_images=report.media.output_images,
        truncated_prompts=queries.truncated,
        quantization=report.model.quantization,
        server=_server_name(report.server),
        concurrency=spec.concurrency,
        optimum_gpu_energy_wh=watt_hours(report.optimum.mean_j("gpu")) if report.optimum else None,
        optimum_difference_percent=_optimum_difference_percent(report.optimum),
        concurrent_runs=concurrent_runs,
        repairs=sum(repair.count for repair in report.repairs),
        thinking_tokens=tokens.thinking,
        answer_tokens=tokens.answer,
        reasoning_switch=str(report.prompt.sent) if report.prompt else None,
        prompt_date=report.prompt.day.isoformat() if report.prompt and report.prompt.day else None,
        effective_repeats=gpu_total.effective_repeats if gpu_total else None,
        gpu_ids="|".join(sorted(_gpu_id(gpu) for gpu in report.hardware.gpus)) or None,
        spec_identity=report.spec_identity,
        gpu_unmeasured=report.gpu_unmeasured if gpu_energy_wh is None else None,
    )


def apply_host_check(report: RunReport, *, witness: HostWitness | None, owner: RunOwner | None) -> Verdict:
    """Return the verdict after the host check: ``witness``, and what the ``owner`` knows of other runs."""
    return with_concurrency(reconcile(report, witness), _concurrent_runs(report, owner))


def _concurrent_runs(report: RunReport, owner: RunOwner | None) -> int | None:
    return owner.concurrent_runs if owner is not None and owner.run_id == report.run_id else None


def _notes(report: RunReport) -> tuple[str, ...]:
    """What a reader must know of the run, each once; of the prompts what the engine saw, not what the host expected."""
    told, used = report.spec.notes, report.prompt
    if used is None:
        return (*told, *report.model.notes)
    expected = decide_for_spec(report.spec, None).notes
    kept = (note for note in told if note in used.notes or note not in expected)
    return tuple(dict.fromkeys((*kept, *used.notes, *report.model.notes)))


def _duration_statistics(statistics: tuple[PhaseStatistics, ...]) -> PhaseStatistics | None:
    """Return the statistics for the duration of one pass: the GPU's if there are any, otherwise any."""
    totals = [entry for entry in statistics if entry.phase == "total"]
    return next((entry for entry in totals if entry.domain == "gpu"), totals[0] if totals else None)


def _energy_by_phase(statistics: tuple[PhaseStatistics, ...], domain: Domain) -> dict[str, PhaseStatistics]:
    """Return the statistics of ``domain`` by phase, all from the total's source.

    An estimate of a GPU's energy is not a measurement, and is not in the GPU columns.
    """
    measured = [
        entry
        for entry in statistics
        if entry.domain == domain
        and entry.mean_energy_j is not None
        and not (domain == "gpu" and entry.source is EnergySource.ESTIMATE)
    ]
    source = next((entry.source for entry in measured if entry.phase == "total"), None)
    return {entry.phase: entry for entry in measured if entry.source is source}


def _mean_wh(statistics: PhaseStatistics | None) -> float | None:
    return watt_hours(statistics.mean_energy_j) if statistics else None


def _factor(region: str | None, recorded_region: str) -> GridFactor | None:
    """Return the requested factor; None if the run was recorded with a region that is no longer known."""
    if region is not None:
        return grid_factor(region)
    try:
        return grid_factor(recorded_region)
    except UsageError:
        return None


def _partial_failure(queries: QueryStatistics) -> str | None:
    if not queries.failed or not queries.asked:
        return None
    share = f"{queries.failed}/{queries.asked} prompts failed ({queries.failed / queries.asked:.1%})"
    return f"PARTIAL FAILURE: {share}{': ' + queries.first_error if queries.first_error else ''}"


def _server_name(server: ServerUse | None) -> str | None:
    """Return the server's name and version, as far as it reports them; None without a server."""
    if server is None:
        return None
    return " ".join(part for part in (server.name or "unknown", server.version) if part)


def _optimum_difference_percent(optimum: OptimumUse | None) -> float | None:
    """Return the difference of optimum-benchmark's total GPU energy from our meter's, in percent."""
    of_total = (
        [entry for entry in optimum.differences if (entry.phase, entry.domain) == ("total", "gpu")] if optimum else []
    )
    return of_total[0].difference_percent if of_total else None


def _gpu_id(gpu: Gpu) -> str:
    return sha256(gpu.uuid.encode()).hexdigest()[:16]


def _hardware_name(hardware: Hardware) -> str:
    """Return the GPUs' names, with their number if there are several; the CPU's name if there is no GPU."""
    counts = Counter(gpu.name for gpu in hardware.gpus)
    names = [name if count == 1 else f"{count}x {name}" for name, count in counts.items()]
    return ", ".join(names) or hardware.cpu
