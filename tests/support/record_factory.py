"""Valid records for tests: one run of ten queries, 25.4 Wh, 1,500 tokens; a test replaces what it is about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_failure import RunFailure
from energy_score.contract.run_owner import Owner, RunOwner
from energy_score.contract.run_report import (
    Domain,
    EnergySource,
    Gpu,
    Hardware,
    LoadedModel,
    PhaseEnergy,
    PhaseStatistics,
    QueryStatistics,
    RunReport,
    TokenCounts,
    Verdict,
)
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RepeatPolicy, RunSpec

RUN_ID = "openai_gpt-oss-20b_On_High_20251117_031500"
H100 = Gpu(uuid="GPU-7d0c1a52-0000-4000-8000-000000000001", name="NVIDIA H100 80GB HBM3", memory_mib=81559)
ENERGY_WH = {"prefill": 0.9, "decode": 24.5, "total": 25.4}


def make_config(**changes: Any) -> ModelConfig:
    values = {
        "model_id": "openai/gpt-oss-20b",
        "priority": 1,
        "model_class": "B",
        "task": "text_gen",
        "reasoning_state": "On (High)",
        "reasoning_mode": ReasoningMode.HIGH,
        "reasoning_params": {"reasoning_effort": "high"},
        "use_harmony": True,
        "line_number": 2,
    }
    return ModelConfig(**(values | changes))


def make_spec(**changes: Any) -> RunSpec:
    values = {
        "run_id": RUN_ID,
        "model_id": "openai/gpt-oss-20b",
        "model_class": "B",
        "revision": "main",
        "task": "text_gen",
        "reasoning_state": "On (High)",
        "reasoning": ReasoningMode.HIGH,
        "prompt_plan": PromptPlan(chat_template_kwargs={"reasoning_effort": "high"}),
        "generation": GenerationSettings(max_new_tokens=8192, min_new_tokens=1, dtype="bfloat16", seed=42),
        "backend": "pytorch",
        "meter": "auto",
        "dataset": DatasetRef(name="AIEnergyScore/text_generation", columns=("text",)),
        "query_count": 10,
        "repeat_policy": RepeatPolicy(
            protocol="quick", repeats=5, discarded_repeats=1, min_phase_s=10.0, idle_baseline_s=30.0
        ),
        "warmup_query_count": 10,
        "gpu_requirement": GpuRequirement(count=1),
        "region": "world",
    }
    return RunSpec(**(values | changes))


def make_statistics(
    *, domain: Domain | None = "gpu", source: EnergySource | None = EnergySource.NVML_COUNTER, share: float = 1.0
) -> tuple[PhaseStatistics, ...]:
    """Statistics of prefill, decode and total; ``share`` scales the energy. Without a source energies are unknown."""
    return tuple(
        PhaseStatistics(
            phase=phase,
            domain=domain,
            source=source,
            repeats=5,
            mean_duration_s=100.0 * energy_wh / ENERGY_WH["total"],
            mean_energy_j=None if source is None else energy_wh * 3600 * share,
            stdev_energy_j=None if source is None else energy_wh * 36 * share,
            ci95_half_width_j=None if source is None else energy_wh * 45 * share,
        )
        for phase, energy_wh in ENERGY_WH.items()
    )


def make_phases(*, repeats: int = 5, source: EnergySource = EnergySource.NVML_COUNTER) -> tuple[PhaseEnergy, ...]:
    return tuple(
        PhaseEnergy(
            phase=phase,
            repeat=repeat,
            counted=repeat > 0,
            passes=3 if phase == "prefill" else 1,
            query_count=10,
            duration_s=duration_s,
            domain="gpu",
            source=source,
            energy_j={H100.uuid: energy_j},
        )
        for repeat in range(repeats + 1)
        for phase, duration_s, energy_j in (("prefill", 10.6, 9720.0), ("full", 100.0, 91440.0))
    )


def make_overhead(*, idle_w: float = 90.0) -> tuple[PhaseEnergy, ...]:
    """The windows that count for nothing: loading, and 30 s of idle before and after."""
    return tuple(
        PhaseEnergy(
            phase=phase,
            repeat=0,
            counted=False,
            passes=1,
            query_count=0,
            duration_s=duration_s,
            domain="gpu",
            source=EnergySource.NVML_COUNTER,
            energy_j={H100.uuid: energy_j},
        )
        for phase, duration_s, energy_j in (("load", 20.0, 3600.0), *[("idle", 30.0, 30 * idle_w)] * 2)
    )


def make_queries(*, failed: int = 0, first_error: str | None = None) -> QueryStatistics:
    return QueryStatistics(
        asked=10,
        succeeded=10 - failed,
        failed=failed,
        retried=failed,
        first_error=first_error,
        mean_latency_s=9.96,
        mean_time_to_first_token_s=0.035,
        inter_token_latency_p50_s=0.0121,
        inter_token_latency_p95_s=0.0132,
        inter_token_latency_p99_s=0.0188,
    )


def make_report(**changes: Any) -> RunReport:
    spec = changes.get("spec") or make_spec()
    values = {
        "run_id": spec.run_id,
        "spec_identity": spec.identity(),
        "spec": spec,
        "started_at": datetime(2025, 11, 17, 3, 15, 0, tzinfo=UTC),
        "finished_at": datetime(2025, 11, 17, 3, 27, 45, 250000, tzinfo=UTC),
        "model": LoadedModel(
            commit="6cee5e81ee83917806bbde320786a8fb61efebee",
            dtype="bfloat16",
            devices=("cuda:0",),
            parameter_count=20_914_757_184,
            attention="eager",
            random_weights=False,
            offloaded=False,
            context_length=131072,
        ),
        "dataset_revision": "0123456789abcdef0123456789abcdef01234567",
        "phases": make_phases(),
        "statistics": make_statistics(),
        "queries": make_queries(),
        "tokens": TokenCounts(prompt=500, completion=1000, completion_min=80, completion_max=140),
        "first_prompt_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "hardware": Hardware(gpus=(H100,), cpu="Intel(R) Xeon(R) Platinum 8481C", cpu_count=26, memory_mib=239616),
        "software": {"driver": "570.124.06", "python": "3.12.3", "torch": "2.13.0", "transformers": "5.23.0"},
        "meters": ("nvml-counter of 1 GPU",),
        "verdict": Verdict(status="measured", rateable=True, comparable=True, reasons=()),
    }
    return RunReport(**(values | changes))


def make_witness(**changes: Any) -> HostWitness:
    """A host that agrees with ``make_report``: 100 W in the 121.4 s outside the windows' 663.6 s and 606,960 J."""
    values = {
        "run_id": RUN_ID,
        "started_at": datetime(2025, 11, 17, 3, 14, 50, tzinfo=UTC),
        "finished_at": datetime(2025, 11, 17, 3, 27, 55, tzinfo=UTC),
        "source": EnergySource.NVML_COUNTER,
        "energy_j": {H100.uuid: 606_960.0 + 12_140.0},
    }
    return HostWitness(**(values | changes))


def make_failure(**changes: Any) -> RunFailure:
    values = {
        "run_id": RUN_ID,
        "spec_identity": make_spec().identity(),
        "stage": "load",
        "exit_code": 1,
        "message": "the model's weights are not there",
        "failed_at": datetime(2025, 11, 17, 3, 16, 0, tzinfo=UTC),
    }
    return RunFailure(**(values | changes))


def make_owner(**changes: Any) -> RunOwner:
    """Who carried ``make_report``'s run out, alone on the machine, and has ended."""
    values = {
        "run_id": RUN_ID,
        "process": Owner.current(),
        "executor": "local",
        "started_at": datetime(2025, 11, 17, 3, 0, tzinfo=UTC),
        "finished_at": datetime(2025, 11, 17, 3, 16, tzinfo=UTC),
        "concurrent_runs": 1,
    }
    return RunOwner.model_validate(values | changes)


def make_run(
    output_directory: Path,
    name: str = "openai_gpt-oss-20b_On_High",
    *,
    config: ModelConfig | None = None,
    report: RunReport | None = None,
    failure: RunFailure | None = None,
    witness: HostWitness | None = None,
    owner: RunOwner | None = None,
) -> RunDirectory:
    """A run directory under ``output_directory`` with its spreadsheet row, its order, and the given end."""
    directory = RunDirectory(output_directory / "individual_runs" / name)
    directory.path.mkdir(parents=True)
    (config or make_config()).write(directory.config_file)
    (report.spec if report else make_spec()).write(directory.spec_file)
    if report is not None:
        report.write(directory.report_file)
    if witness is not None:
        witness.write(directory.witness_file)
    if owner is not None:
        owner.write(directory.owner_file)
    if failure is not None:
        failure.write(directory.failure_file)
    return directory
