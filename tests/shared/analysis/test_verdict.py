import inspect
from collections.abc import Callable
from types import ModuleType

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_report import EnergySource, Gpu, PhaseEnergy, TokenCounts, Verdict
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, RunSpec
from energy_score.shared.analysis.rules import counter, energy, gpu, model, official, queries
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.analysis.verdict import RULES, judge

MakeFacts = Callable[..., Facts]
MakeWindow = Callable[..., PhaseEnergy]
MakeSpec = Callable[..., RunSpec]

NO_TOKENS = TokenCounts(prompt=None, completion=None, completion_min=None, completion_max=None)


def verdict_on(facts: Facts) -> Verdict:
    return judge(
        spec=facts.spec,
        windows=facts.windows,
        queries=facts.queries,
        tokens=facts.tokens,
        model=facts.model,
        hardware=facts.hardware,
        conditions=facts.conditions,
    )


def reason(verdict: Verdict) -> tuple[str, str, str, str]:
    """Code, severity, observed and threshold of the only reason."""
    (only,) = verdict.reasons
    return only.code, only.severity, only.observed, only.threshold


def test_an_official_run_is_measured_rateable_and_comparable(make_facts: MakeFacts) -> None:
    assert verdict_on(make_facts()) == Verdict(status="measured", rateable=True, comparable=True, reasons=())


@pytest.mark.parametrize("module", [counter, energy, gpu, model, official, queries])
def test_every_rule_is_asked(module: ModuleType) -> None:
    rules = [
        rule
        for name, rule in inspect.getmembers(module, inspect.isfunction)
        if rule.__module__ == module.__name__ and not name.startswith("_")
    ]
    assert rules
    assert set(rules) <= set(RULES)


def test_a_run_without_gpu_energy_is_unmeasured(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    timed_only = tuple(make_window(repeat=repeat, domain=None, source=None, energy_j={}) for repeat in range(1, 11))
    cpu_only = tuple(
        make_window(repeat=repeat, domain="cpu", source=EnergySource.ESTIMATE, energy_j={"cpu:cores": 9.0})
        for repeat in range(1, 11)
    )
    for windows in (timed_only, cpu_only):
        verdict = verdict_on(make_facts(windows=windows))
        assert (verdict.status, verdict.rateable, verdict.comparable) == ("unmeasured", False, False)
        assert reason(verdict)[0] == "gpu_energy_unmeasured"


def test_gpu_energy_in_uncounted_windows_alone_measures_nothing(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    facts = make_facts(windows=(make_window(phase="idle", counted=False),))
    assert verdict_on(facts).status == "unmeasured"


@pytest.mark.parametrize("source", [EnergySource.REPLAY, EnergySource.SIMULATED])
def test_replayed_and_simulated_energy_is_never_rated(
    make_facts: MakeFacts, make_window: MakeWindow, source: EnergySource
) -> None:
    windows = tuple(make_window(repeat=repeat, source=source) for repeat in range(1, 11))
    verdict = verdict_on(make_facts(windows=windows))
    assert (verdict.status, verdict.rateable, verdict.comparable) == ("measured", False, False)
    assert reason(verdict) == ("not_a_gpu_measurement", "invalid", source.value, "nvml-counter or nvml-power")


def test_integrated_power_and_a_cpu_estimate_beside_it_are_fine(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = [make_window(repeat=repeat, source=EnergySource.NVML_POWER) for repeat in range(1, 11)]
    cpu = make_window(domain="cpu", source=EnergySource.ESTIMATE, energy_j={"cpu:cores": 0.0})
    assert verdict_on(make_facts(windows=(*windows, cpu))).reasons == ()


@pytest.mark.parametrize("energy_j", [0.0, -3.0])
@pytest.mark.parametrize("phase", ["full", "forward", "call"])
def test_a_gpu_that_used_nothing_while_it_worked_is_invalid(
    make_facts: MakeFacts, make_window: MakeWindow, phase: str, energy_j: float
) -> None:
    frozen = make_window(phase=phase, repeat=2, energy_j={"GPU-a": 9.0, "GPU-b": energy_j})
    verdict = verdict_on(make_facts(windows=(*make_facts().windows, frozen), spec=class_c(make_facts)))
    assert reason(verdict) == ("gpu_energy_not_positive", "invalid", f"{energy_j:g} J", "> 0 J")
    assert verdict.reasons[0].message.startswith(f"GPU-b used {energy_j:g} J in phase {phase}, repeat 2")


def class_c(make_facts: MakeFacts) -> RunSpec:
    return make_facts().spec.model_copy(update={"model_class": "C"})


def test_the_shortest_counted_window_under_10_s_is_named(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    short = [make_window(phase="prefill", repeat=repeat, duration_s=1 + repeat) for repeat in (1, 2, 3)]
    verdict = verdict_on(make_facts(windows=(*make_facts().windows, *short)))
    assert reason(verdict) == ("phase_too_short", "invalid", "2.000 s", ">= 10 s")
    assert "phase prefill, repeat 1" in verdict.reasons[0].message


def test_a_phase_of_exactly_10_s_and_a_short_uncounted_one_are_long_enough(
    make_facts: MakeFacts, make_window: MakeWindow
) -> None:
    further = (make_window(duration_s=10.0), make_window(phase="load", counted=False, duration_s=1))
    assert verdict_on(make_facts(windows=(*make_facts().windows, *further))).reasons == ()


def test_a_partial_failure_is_a_warning_that_bars_nothing(make_facts: MakeFacts) -> None:
    outcome = make_facts().queries.model_copy(update={"succeeded": 950, "failed": 50})
    verdict = verdict_on(make_facts(queries=outcome))
    assert reason(verdict) == ("partial_failure", "warning", "50 failed", "0 failed")
    assert verdict.reasons[0].message == "PARTIAL FAILURE: 50/1000 prompts failed (5.0%)"
    assert verdict.comparable


def test_more_than_5_percent_failed_queries_are_invalid(make_facts: MakeFacts) -> None:
    outcome = make_facts().queries.model_copy(update={"failed": 51, "first_error": "out of memory"})
    invalid, warning = verdict_on(make_facts(queries=outcome)).reasons
    assert (invalid.code, invalid.observed, invalid.threshold) == (
        "too_many_failed_queries",
        "5.1% failed",
        "<= 5% failed",
    )
    assert "out of memory" in invalid.message
    assert warning.code == "partial_failure"


@pytest.mark.parametrize(
    ("failed", "retried", "spoken"),
    [
        (0, 51, {"too_many_retried_queries": "invalid"}),
        (20, 60, {"partial_failure": "warning", "too_many_retried_queries": "invalid"}),
        (0, 50, {"retried_queries": "warning"}),
        (50, 50, {"partial_failure": "warning"}),  # asked once more in vain: no success lacks its energy
    ],
)
def test_queries_that_were_answered_outside_the_windows_alone_lack_their_energy(
    make_facts: MakeFacts, failed: int, retried: int, spoken: dict[str, str]
) -> None:
    outcome = make_facts().queries.model_copy(update={"succeeded": 1000 - failed, "failed": failed, "retried": retried})
    verdict = verdict_on(make_facts(queries=outcome))
    assert {reason.code: reason.severity for reason in verdict.reasons} == spoken
    assert verdict.rateable is ("invalid" not in spoken.values())


@pytest.mark.parametrize(("shortest", "longest", "observed"), [(9, 10, "9 to 10 tokens"), (11, 11, "11 tokens")])
def test_other_than_exactly_10_tokens_are_invalid(
    make_facts: MakeFacts, shortest: int, longest: int, observed: str
) -> None:
    tokens = make_facts().tokens.model_copy(update={"completion_min": shortest, "completion_max": longest})
    verdict = verdict_on(make_facts(tokens=tokens))
    assert reason(verdict) == ("token_count_off_target", "invalid", observed, "10 tokens")


def test_with_reasoning_on_any_number_within_the_limits_is_fine(make_facts: MakeFacts, make_spec: MakeSpec) -> None:
    limits = GenerationSettings(min_new_tokens=1, max_new_tokens=8192, dtype="bfloat16", seed=42)
    within = make_facts().tokens.model_copy(update={"completion_min": 1, "completion_max": 8192})
    beyond = within.model_copy(update={"completion_max": 8193})
    assert (
        verdict_on(make_facts(spec=make_spec(generation=limits, reasoning=ReasoningMode.ON), tokens=within)).reasons
        == ()
    )
    assert reason(verdict_on(make_facts(spec=make_spec(generation=limits, reasoning=ReasoningMode.ON), tokens=beyond)))[
        0
    ] == ("token_count_off_target")


def test_a_task_that_generates_nothing_has_no_token_target(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = tuple(make_window(phase="forward", repeat=repeat) for repeat in range(1, 11))
    assert verdict_on(make_facts(windows=windows, tokens=NO_TOKENS)).reasons == ()


def test_tokens_that_were_generated_and_not_counted_are_invalid(make_facts: MakeFacts) -> None:
    assert reason(verdict_on(make_facts(tokens=NO_TOKENS))) == (
        "token_count_off_target", "invalid", "unknown", "10 tokens",
    )  # fmt: skip


def test_truncated_inputs_are_a_warning(make_facts: MakeFacts) -> None:
    outcome = make_facts().queries.model_copy(update={"truncated": 3})
    verdict = verdict_on(make_facts(queries=outcome))
    assert reason(verdict) == ("truncated_queries", "warning", "3 truncated", "0 truncated")
    assert verdict.comparable


def test_random_weights_are_never_rated(make_facts: MakeFacts) -> None:
    loaded = make_facts().model.model_copy(update={"random_weights": True})
    assert reason(verdict_on(make_facts(model=loaded)))[:2] == ("random_weights", "invalid")


def test_an_offloaded_model_is_invalid(make_facts: MakeFacts) -> None:
    loaded = make_facts().model.model_copy(update={"offloaded": True, "devices": ("cuda:0", "cpu")})
    verdict = verdict_on(make_facts(model=loaded))
    assert reason(verdict) == ("offloaded", "invalid", "cuda:0, cpu", "GPUs only")


def test_two_gpus_are_too_many_for_class_a_and_b_alone(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = tuple(make_window(repeat=repeat, energy_j={"GPU-a": 9.0, "GPU-b": 9.0}) for repeat in range(1, 11))
    specs = {name: make_facts().spec.model_copy(update={"model_class": name}) for name in ("A", "B", "C", None)}
    seen = {
        model_class: [found.code for found in verdict_on(make_facts(windows=windows, spec=spec)).reasons]
        for model_class, spec in specs.items()
    }
    assert seen == {"A": ["too_many_gpus"], "B": ["too_many_gpus"], "C": [], None: []}
    verdict = verdict_on(make_facts(windows=windows))
    assert reason(verdict) == ("too_many_gpus", "invalid", "2 GPUs", "1 GPU")


def test_nine_repeats_are_rateable_and_not_comparable(make_facts: MakeFacts) -> None:
    windows = tuple(window for window in make_facts().windows if window.repeat != 10)
    verdict = verdict_on(make_facts(windows=windows))
    assert reason(verdict) == ("too_few_repeats", "not_comparable", "9 repeats", ">= 10 repeats")
    assert (verdict.rateable, verdict.comparable) == (True, False)


def test_999_queries_are_rateable_and_not_comparable(make_facts: MakeFacts) -> None:
    verdict = verdict_on(make_facts(queries=make_facts().queries.model_copy(update={"asked": 999})))
    assert reason(verdict) == ("too_few_queries", "not_comparable", "999 queries", ">= 1000 queries")
    assert (verdict.rateable, verdict.comparable) == (True, False)


@pytest.mark.parametrize(
    ("name", "memory_mib"),
    [("NVIDIA H200", 143_771), ("NVIDIA H100 NVL", 95_830), ("NVIDIA A100-SXM4-80GB", 81_920)],
)
def test_another_gpu_than_an_h100_80_gb_is_not_comparable(make_facts: MakeFacts, name: str, memory_mib: int) -> None:
    gpu = Gpu(uuid="GPU-a", name=name, memory_mib=memory_mib)
    verdict = verdict_on(make_facts(hardware=make_facts().hardware.model_copy(update={"gpus": (gpu,)})))
    assert reason(verdict) == (
        "not_official_hardware",
        "not_comparable",
        f"{name}, {memory_mib} MiB",
        "NVIDIA H100, 76294 to 81920 MiB",
    )


@pytest.mark.parametrize("name", ["NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe"])
def test_both_h100_of_80_gb_are_official(make_facts: MakeFacts, name: str) -> None:
    gpu = Gpu(uuid="GPU-a", name=name, memory_mib=81_559)
    assert verdict_on(make_facts(hardware=make_facts().hardware.model_copy(update={"gpus": (gpu,)}))).comparable


@pytest.mark.parametrize(
    ("dataset", "observed"),
    [
        (
            DatasetRef(name="scottcha/reasoning_text_generation", columns=("text",)),
            "scottcha/reasoning_text_generation",
        ),
        (DatasetRef(path="/data/own.csv", columns=("text",)), "a local file"),
        (
            DatasetRef(name="AIEnergyScore/text_generation", columns=("text",), text_column="title"),
            "AIEnergyScore/text_generation, column title",
        ),
    ],
)
def test_other_prompts_than_the_task_s_own_are_not_comparable(
    make_facts: MakeFacts, make_spec: MakeSpec, dataset: DatasetRef, observed: str
) -> None:
    verdict = verdict_on(make_facts(spec=make_spec(dataset=dataset)))
    expected = ("not_official_dataset", "not_comparable", observed, "AIEnergyScore/text_generation")
    assert reason(verdict) == expected
    assert verdict.rateable


def test_the_data_set_s_former_owner_is_the_official_one(make_facts: MakeFacts, make_spec: MakeSpec) -> None:
    dataset = DatasetRef(name="EnergyStarAI/text_generation", columns=("text",))
    assert verdict_on(make_facts(spec=make_spec(dataset=dataset))).comparable


@pytest.mark.parametrize(
    ("reasoning", "limits", "official"),
    [
        (ReasoningMode.OFF, (5, 5), "10 to 10"),
        (ReasoningMode.NOT_APPLICABLE, (1, 10), "10 to 10"),
        (ReasoningMode.HIGH, (1, 24), "1 to 8192"),
        (ReasoningMode.ON, (10, 10), "1 to 8192"),
    ],
)
def test_other_token_limits_than_the_protocol_s_are_not_comparable(
    make_facts: MakeFacts, make_spec: MakeSpec, reasoning: ReasoningMode, limits: tuple[int, int], official: str
) -> None:
    generation = GenerationSettings(min_new_tokens=limits[0], max_new_tokens=limits[1], dtype="bfloat16", seed=42)
    tokens = TokenCounts(prompt=9, completion=limits[1] * 1000, completion_min=limits[0], completion_max=limits[1])
    verdict = verdict_on(make_facts(spec=make_spec(generation=generation, reasoning=reasoning), tokens=tokens))
    expected = ("not_official_token_limits", "not_comparable", f"{limits[0]} to {limits[1]}", official)
    assert reason(verdict) == expected


def test_another_precision_than_the_task_s_is_not_comparable(make_facts: MakeFacts, make_spec: MakeSpec) -> None:
    generation = GenerationSettings(min_new_tokens=10, max_new_tokens=10, dtype="float32", seed=42)
    verdict = verdict_on(make_facts(spec=make_spec(generation=generation)))
    assert reason(verdict) == ("not_official_precision", "not_comparable", "float32", "bfloat16 or float16")


def test_a_model_that_was_not_loaded_as_ordered_is_not_comparable(make_facts: MakeFacts) -> None:
    model = make_facts().model.model_copy(update={"dtype": "float32"})
    verdict = verdict_on(make_facts(model=model))
    observed = ("float32 in the loaded model", "bfloat16 or float16")
    assert reason(verdict) == ("not_official_precision", "not_comparable", *observed)


@pytest.mark.parametrize("loaded", ["float16", "uint8", "float8_e4m3fn"])
def test_packed_weights_and_the_other_16_bits_are_comparable(make_facts: MakeFacts, loaded: str) -> None:
    model = make_facts().model.model_copy(update={"dtype": loaded})
    assert official.precision_is_not_official(make_facts(model=model)) is None


def test_a_machine_without_gpu_is_not_the_official_one(make_facts: MakeFacts) -> None:
    hardware = make_facts().hardware.model_copy(update={"gpus": ()})
    assert reason(verdict_on(make_facts(hardware=hardware)))[2] == "no GPU"


def test_gpu_energy_of_a_model_that_ran_on_the_cpu_is_not_rateable(make_facts: MakeFacts) -> None:
    on_cpu = make_facts().model.model_copy(update={"devices": ("cpu",)})
    verdict = verdict_on(make_facts(model=on_cpu))
    assert reason(verdict) == ("model_not_on_gpu", "invalid", "cpu", "a CUDA device")


def test_a_quick_run_is_never_rateable(make_facts: MakeFacts, make_spec: MakeSpec) -> None:
    policy = make_spec().repeat_policy.model_copy(update={"protocol": "quick"})
    verdict = verdict_on(make_facts(spec=make_spec(repeat_policy=policy)))
    assert verdict.rateable is False
    assert reason(verdict)[0] == "quick_protocol"
