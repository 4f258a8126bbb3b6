"""The facts of an official run on which no rule of the verdict speaks; a test replaces what it is about."""

from collections.abc import Callable
from typing import Any

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_report import (
    EnergySource,
    Gpu,
    Hardware,
    LoadedModel,
    PhaseEnergy,
    QueryStatistics,
    TokenCounts,
)
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RepeatPolicy, RunSpec
from energy_score.shared.analysis.rules.facts import Facts

H100 = Gpu(uuid="GPU-a", name="NVIDIA H100 80GB HBM3", memory_mib=81_559)

MakeFacts = Callable[..., Facts]
MakeWindow = Callable[..., PhaseEnergy]


def valid_window(**changes: object) -> PhaseEnergy:
    window: dict[str, object] = {
        "phase": "full",
        "repeat": 1,
        "counted": True,
        "passes": 1,
        "query_count": 1000,
        "duration_s": 12.0,
        "domain": "gpu",
        "source": EnergySource.NVML_COUNTER,
        "energy_j": {"GPU-a": 600.0 if changes.get("phase") == "prefill" else 3600.0},
    }
    return PhaseEnergy.model_validate(window | changes)


def valid_spec(**changes: object) -> RunSpec:
    spec: dict[str, object] = {
        "run_id": "tiny_Off-1",
        "model_id": "tiny/model",
        "model_class": "A",
        "revision": "0" * 40,
        "task": "text_gen",
        "reasoning_state": "Off",
        "reasoning": ReasoningMode.OFF,
        "prompt_plan": PromptPlan(),
        "generation": GenerationSettings(max_new_tokens=10, min_new_tokens=10, dtype="bfloat16", seed=42),
        "backend": "pytorch",
        "meter": "nvml",
        "dataset": DatasetRef(name="AIEnergyScore/text_generation", columns=("text",)),
        "repeat_policy": RepeatPolicy(
            protocol="official", repeats=10, discarded_repeats=1, min_phase_s=10, idle_baseline_s=30
        ),
        "warmup_query_count": 10,
        "gpu_requirement": GpuRequirement(count=1),
        "region": "world",
    }
    return RunSpec.model_validate(spec | changes)


def official_windows() -> tuple[PhaseEnergy, ...]:
    return tuple(valid_window(phase=phase, repeat=repeat) for repeat in range(1, 11) for phase in ("prefill", "full"))


def official_facts(**changes: object) -> Facts:
    """Facts of an official run on which no rule speaks; ``changes`` replace whole fields."""
    facts: dict[str, Any] = {
        "spec": valid_spec(),
        "windows": official_windows(),
        "queries": QueryStatistics(
            asked=1000,
            succeeded=1000,
            failed=0,
            retried=0,
            first_error=None,
            mean_latency_s=0.1,
            mean_time_to_first_token_s=0.02,
            inter_token_latency_p50_s=0.01,
            inter_token_latency_p95_s=0.01,
            inter_token_latency_p99_s=0.01,
        ),
        "tokens": TokenCounts(prompt=369_000, completion=10_000, completion_min=10, completion_max=10),
        "model": LoadedModel(
            commit="0" * 40,
            dtype="bfloat16",
            devices=("cuda:0",),
            parameter_count=1_000_000,
            attention="sdpa",
            random_weights=False,
            offloaded=False,
            context_length=1024,
        ),
        "hardware": Hardware(gpus=(H100,), cpu="a CPU", cpu_count=2, memory_mib=16_000),
    }
    facts.update(changes)
    return Facts(**facts)
