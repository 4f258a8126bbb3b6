"""The rules about the counter and about what happened to the GPU: each speaks, and each stays silent."""

from collections.abc import Callable
from typing import Any

import pytest

from energy_score.contract.run_report import EnergySource, GpuConditions, PhaseEnergy, VerdictReason
from energy_score.shared.analysis.rules import counter, gpu
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.analysis.verdict import judge

MakeFacts = Callable[..., Facts]
MakeWindow = Callable[..., PhaseEnergy]

# All that an undisturbed run on a GPU under full load may show.
QUIET = GpuConditions(
    uuid="GPU-a",
    throttle_reasons=("none", "gpu_idle", "applications_clocks_setting", "sync_boost", "display_clock_setting"),
    power_limits_w=(700.0,),
    mig_enabled=False,
)


def figures(reason: VerdictReason | None) -> tuple[str, str, str, str]:
    assert reason is not None
    return reason.code, reason.severity, reason.observed, reason.threshold


def seen_on_the_gpu(make_facts: MakeFacts, **changes: Any) -> Facts:
    return make_facts(conditions=(QUIET, QUIET.model_copy(update={"uuid": "GPU-b"} | changes)))


def test_an_undisturbed_gpu_and_one_of_which_nothing_is_known_give_no_reason(make_facts: MakeFacts) -> None:
    for conditions in ((QUIET,), (GpuConditions(uuid="GPU-a"),), ()):
        facts = make_facts(conditions=conditions)
        verdict = judge(
            spec=facts.spec, windows=facts.windows, queries=facts.queries, tokens=facts.tokens, model=facts.model,
            hardware=facts.hardware, conditions=conditions,
        )  # fmt: skip
        assert (verdict.reasons, verdict.comparable) == ((), True)


def test_the_verdict_asks_about_the_conditions(make_facts: MakeFacts) -> None:
    facts = seen_on_the_gpu(make_facts, mig_enabled=True, foreign_process_ids=(17,))
    verdict = judge(
        spec=facts.spec, windows=facts.windows, queries=facts.queries, tokens=facts.tokens, model=facts.model,
        hardware=facts.hardware, conditions=facts.conditions,
    )  # fmt: skip
    assert [reason.code for reason in verdict.reasons] == ["mig_enabled", "foreign_process"]
    assert (verdict.rateable, verdict.comparable) == (False, False)


@pytest.mark.parametrize(
    ("rule", "fault", "code"),
    [
        (counter.counter_was_reset, "counter_reset", "counter_reset"),
        (counter.counter_was_frozen, "counter_frozen", "counter_frozen"),
        (counter.counter_was_lost, "counter_lost", "counter_lost"),
        (counter.counter_was_lost, "a_fault_of_another_meter", "counter_lost"),
    ],
)
def test_each_fault_of_a_counter_has_its_own_reason(
    make_facts: MakeFacts,
    make_window: MakeWindow,
    rule: Callable[[Facts], VerdictReason | None],
    fault: str,
    code: str,
) -> None:
    faulty = make_window(repeat=4, energy_j={}, faults={"GPU-b": fault})
    facts = make_facts(windows=(*make_facts().windows, faulty))
    reason = rule(facts)
    assert figures(reason) == (code, "invalid", "1 window", "0 windows")
    assert reason is not None
    assert "GPU-b in phase full, repeat 4" in reason.message
    three = (counter.counter_was_reset, counter.counter_was_frozen, counter.counter_was_lost)
    assert [other(facts) for other in three if other is not rule] == [None, None]


def test_a_fault_in_a_window_that_counts_for_nothing_or_of_a_cpu_is_no_reason(
    make_facts: MakeFacts, make_window: MakeWindow
) -> None:
    uncounted = make_window(counted=False, energy_j={}, faults={"GPU-a": "counter_reset"})
    cpu = make_window(domain="cpu", source=EnergySource.RAPL, energy_j={}, faults={"package-0": "counter_reset"})
    assert counter.counter_was_reset(make_facts(windows=(*make_facts().windows, uncounted, cpu))) is None


def test_a_counter_that_the_integral_contradicts_is_invalid(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    near, halved = (
        make_window(repeat=repeat, energy_j={"GPU-a": 1800.0}, integral_j={"GPU-a": integral_j})
        for repeat, integral_j in ((1, 1800.0), (2, 3600.0))
    )
    facts = make_facts(windows=(near, halved))
    reason = counter.integral_contradicts_the_counter(facts)
    assert figures(reason) == ("integral_discrepancy", "invalid", "50.0%", "<= 5.0%")
    assert reason is not None
    assert "all 2 work windows" in reason.message
    assert counter.integral_deviates_from_the_counter(facts) is None


def test_a_single_window_far_off_is_only_a_warning(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = [
        make_window(repeat=repeat, energy_j={"GPU-a": 1000.0}, integral_j={"GPU-a": 1000.0 if repeat else 1100.0})
        for repeat in range(10)
    ]
    facts = make_facts(windows=tuple(windows))
    assert counter.integral_contradicts_the_counter(facts) is None
    reason = counter.integral_deviates_from_the_counter(facts)
    assert figures(reason) == ("integral_deviation", "warning", "10.0%", "<= 5.0%")
    assert reason is not None
    assert "phase full, repeat 0" in reason.message


def test_three_standard_errors_of_the_integral_are_part_of_its_limit(
    make_facts: MakeFacts, make_window: MakeWindow
) -> None:
    def reason(sigma_j: float) -> str | None:
        windows = [
            make_window(
                repeat=repeat, energy_j={"GPU-a": 1000.0}, integral_j={"GPU-a": 1080.0},
                integral_sigma_j={"GPU-a": sigma_j},
            )
            for repeat in range(4)
        ]  # fmt: skip
        found = counter.integral_contradicts_the_counter(make_facts(windows=tuple(windows)))
        return None if found is None else found.threshold

    # 4 independent windows: sigma of the sum is twice that of one, 2 % of 4000 J for 40 J, and thrice that is 6 %.
    assert reason(19.0) == "<= 7.8%"
    assert reason(21.0) is reason(40.0) is None


def test_a_small_deviation_of_the_integral_is_a_warning(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    facts = make_facts(windows=(make_window(energy_j={"GPU-a": 1000.0}, integral_j={"GPU-a": 970.0}),))
    assert figures(counter.integral_deviates_from_the_counter(facts)) == (
        "integral_deviation",
        "warning",
        "3.0%",
        "<= 2.0%",
    )
    assert counter.integral_contradicts_the_counter(facts) is None


@pytest.mark.parametrize("integral_j", [950.0, 1050.0])
def test_a_discrepancy_of_exactly_five_percent_is_a_warning_and_one_joule_more_is_invalid(
    make_facts: MakeFacts, make_window: MakeWindow, integral_j: float
) -> None:
    def codes(integral_j: float) -> list[str]:
        facts = make_facts(windows=(make_window(energy_j={"GPU-a": 1000.0}, integral_j={"GPU-a": integral_j}),))
        rules = (counter.integral_contradicts_the_counter, counter.integral_deviates_from_the_counter)
        return [reason.code for rule in rules if (reason := rule(facts)) is not None]

    further_j = integral_j + (1 if integral_j > 1000 else -1)
    assert (codes(integral_j), codes(further_j)) == (["integral_deviation"], ["integral_discrepancy"])


@pytest.mark.parametrize(("integral_j", "warns"), [(980.0, False), (1020.0, False), (979.0, True), (1021.0, True)])
def test_a_discrepancy_of_exactly_two_percent_is_no_reason(
    make_facts: MakeFacts, make_window: MakeWindow, integral_j: float, *, warns: bool
) -> None:
    facts = make_facts(windows=(make_window(energy_j={"GPU-a": 1000.0}, integral_j={"GPU-a": integral_j}),))
    assert (counter.integral_deviates_from_the_counter(facts) is not None) is warns


@pytest.mark.parametrize(
    "changes",
    [
        {"integral_j": {"GPU-a": 3640.0}},
        {"integral_j": {}},
        {"integral_j": {"GPU-b": 9.0}},
        {"integral_j": {"GPU-a": 9.0}, "counted": False},
        {"integral_j": {"GPU-a": 9.0}, "phase": "preprocess"},
        {"integral_j": {"GPU-a": 9.0}, "energy_j": {"GPU-a": 0.0}},
    ],
    ids=["agrees", "none", "of-another-gpu", "uncounted", "no-work", "counter-not-positive"],
)
def test_the_integral_is_no_reason_where_it_agrees_or_says_nothing_of_the_work(
    make_facts: MakeFacts, make_window: MakeWindow, changes: dict[str, Any]
) -> None:
    facts = make_facts(windows=(make_window(**changes),))
    assert counter.integral_contradicts_the_counter(facts) is None
    assert counter.integral_deviates_from_the_counter(facts) is None


@pytest.mark.parametrize("phase", ["prefill", "full"])
def test_ticks_of_more_than_one_percent_are_a_warning(
    make_facts: MakeFacts, make_window: MakeWindow, phase: str
) -> None:
    coarse = [
        make_window(phase=phase, repeat=repeat, energy_j={"GPU-a": 1000.0}, uncertainty_j={"GPU-a": uncertainty_j})
        for repeat, uncertainty_j in ((1, 10.0), (2, 20.0))
    ]
    reason = counter.ticks_are_coarse(make_facts(windows=coarse))
    assert figures(reason) == ("tick_uncertainty", "warning", "1.5%", "<= 1%")
    assert reason is not None
    assert f"phase {phase}" in reason.message


def test_one_window_with_coarse_ticks_among_good_ones_is_fine(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = [
        make_window(repeat=repeat, energy_j={"GPU-a": 1000.0}, uncertainty_j={"GPU-a": 25.0 if repeat == 3 else 5.0})
        for repeat in range(10)
    ]
    assert counter.ticks_are_coarse(make_facts(windows=windows)) is None


def test_ticks_of_one_percent_and_those_of_preprocessing_are_fine(
    make_facts: MakeFacts, make_window: MakeWindow
) -> None:
    windows = (
        make_window(phase="prefill", energy_j={"GPU-a": 1000.0}, uncertainty_j={"GPU-a": 10.0}),
        make_window(phase="preprocess", energy_j={"GPU-a": 1.0}, uncertainty_j={"GPU-a": 10.0}),
    )
    assert counter.ticks_are_coarse(make_facts(windows=windows)) is None


def test_an_unresolved_decode_is_a_warning(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    windows = (make_window(phase="prefill", energy_j={"GPU-a": 3600.0}), make_window())
    reason = counter.phase_is_unresolved(make_facts(windows=windows))
    assert figures(reason)[:3] == ("phase_unresolved", "warning", "decode")
    assert counter.phase_is_unresolved(make_facts()) is None


def test_an_unresolved_phase_of_the_cpu_is_no_reason(make_facts: MakeFacts, make_window: MakeWindow) -> None:
    cpu = [
        make_window(phase=p, domain="cpu", source=EnergySource.RAPL, energy_j={"x": 1.0}) for p in ("prefill", "full")
    ]
    assert counter.phase_is_unresolved(make_facts(windows=(*make_facts().windows, *cpu))) is None


def test_mig_is_invalid(make_facts: MakeFacts) -> None:
    reason = gpu.mig_is_on(seen_on_the_gpu(make_facts, mig_enabled=True))
    assert figures(reason) == ("mig_enabled", "invalid", "on", "off")
    assert gpu.mig_is_on(seen_on_the_gpu(make_facts, mig_enabled=None)) is None


def test_another_compute_process_is_invalid(make_facts: MakeFacts) -> None:
    reason = gpu.another_process_computed(seen_on_the_gpu(make_facts, foreign_process_ids=(9, 7)))
    assert figures(reason) == ("foreign_process", "invalid", "process 7, 9", "0 other compute processes")
    assert reason is not None
    assert reason.message.endswith("on GPU-b")
    assert gpu.another_process_computed(seen_on_the_gpu(make_facts)) is None


@pytest.mark.parametrize("name", ["hw_thermal_slowdown", "hw_power_brake_slowdown"])
def test_a_slowdown_by_heat_or_power_brake_is_invalid(make_facts: MakeFacts, name: str) -> None:
    facts = seen_on_the_gpu(make_facts, throttle_reasons=("sw_power_cap", "hw_slowdown", name))
    assert figures(gpu.hardware_slowed_down(facts)) == ("hardware_slowdown", "invalid", name, "no hardware slowdown")
    capped = seen_on_the_gpu(make_facts, throttle_reasons=("sw_power_cap", "sw_thermal_slowdown"))
    assert gpu.hardware_slowed_down(capped) is None
    assert gpu.hardware_slowed_down_without_a_cause(facts) is None


def test_a_hardware_slowdown_without_a_cause_is_a_warning(make_facts: MakeFacts) -> None:
    facts = seen_on_the_gpu(make_facts, throttle_reasons=("hw_slowdown",))
    assert figures(gpu.hardware_slowed_down_without_a_cause(facts))[:2] == ("hardware_slowdown_unexplained", "warning")
    assert gpu.hardware_slowed_down(facts) is None
    assert gpu.hardware_slowed_down_without_a_cause(seen_on_the_gpu(make_facts)) is None


def test_a_software_power_cap_is_a_warning(make_facts: MakeFacts) -> None:
    facts = seen_on_the_gpu(make_facts, throttle_reasons=("gpu_idle", "sw_power_cap"))
    assert figures(gpu.power_cap_was_reached(facts)) == (
        "software_power_cap",
        "warning",
        "sw_power_cap",
        "no power cap",
    )
    assert gpu.power_cap_was_reached(seen_on_the_gpu(make_facts)) is None


def test_a_software_thermal_slowdown_is_a_warning(make_facts: MakeFacts) -> None:
    facts = seen_on_the_gpu(make_facts, throttle_reasons=("sw_thermal_slowdown",))
    assert figures(gpu.driver_cooled_the_gpu(facts))[:2] == ("software_thermal_slowdown", "warning")
    assert gpu.driver_cooled_the_gpu(seen_on_the_gpu(make_facts)) is None


def test_a_changed_power_limit_is_invalid(make_facts: MakeFacts) -> None:
    reason = gpu.power_limit_was_changed(seen_on_the_gpu(make_facts, power_limits_w=(700.0, 500.0)))
    assert figures(reason) == ("power_limit_changed", "invalid", "700 W, 500 W", "1 power limit")
    for limits_w in ((), (500.0,), (500.0, 500.0)):
        assert gpu.power_limit_was_changed(seen_on_the_gpu(make_facts, power_limits_w=limits_w)) is None
