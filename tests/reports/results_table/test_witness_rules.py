"""Facts about the verdict after the host was heard."""

from typing import Any

import pytest

from energy_score.contract.run_report import EnergySource, GpuConditions, RunReport, Verdict, VerdictReason
from energy_score.reports.results_table.witness_rules import reconcile
from tests.support.record_factory import H100, RUN_ID, make_overhead, make_phases, make_report, make_witness

WINDOWS_J = 606_960.0  # of make_report, in 663.6 s of the witness's 785 s
HOTTEST_W = 9720 / 10.6


def reason(verdict: Verdict) -> VerdictReason:
    (only,) = verdict.reasons
    return only


def with_uncertainty(uncertainty_j: float) -> RunReport:
    phases = tuple(window.model_copy(update={"uncertainty_j": {H100.uuid: uncertainty_j}}) for window in make_phases())
    return make_report(phases=phases)


def host_counted(energy_j: float, **changes: Any) -> Verdict:
    return reconcile(make_report(**changes), make_witness(energy_j={H100.uuid: energy_j}))


def test_a_witness_that_agrees_leaves_the_verdict_as_it_was() -> None:
    assert reconcile(make_report(), make_witness()) == make_report().verdict


def test_a_missing_witness_is_a_warning_that_bars_nothing() -> None:
    verdict = reconcile(make_report(), None)
    assert (reason(verdict).code, reason(verdict).severity) == ("no_host_witness", "warning")
    assert (verdict.rateable, verdict.comparable) == (True, True)


@pytest.mark.parametrize(
    ("changes", "observed"),
    [
        ({"run_id": "another"}, "a host check of run another"),
        ({"source": None, "energy_j": {}}, "host without a counter, engine nvml-counter"),
        ({"source": EnergySource.NVML_POWER}, "host nvml-power, engine nvml-counter"),
    ],
)
def test_a_witness_of_something_else_is_a_missing_one(changes: dict[str, Any], observed: str) -> None:
    seen = reason(reconcile(make_report(), make_witness(**changes)))
    assert (seen.code, seen.observed) == ("no_host_witness", observed)


@pytest.mark.parametrize("source", [EnergySource.REPLAY, EnergySource.ESTIMATE])
def test_a_run_that_used_no_gpu_needs_no_witness(source: EnergySource) -> None:
    for phases in ((), make_phases(source=source)):
        report = make_report(phases=phases)
        assert reconcile(report, None) == report.verdict
        assert reconcile(report, make_witness(foreign_process_ids=(7,))) == report.verdict


def test_a_simulated_gpu_is_witnessed_like_a_real_one() -> None:
    report = make_report(phases=make_phases(source=EnergySource.SIMULATED))
    assert reason(reconcile(report, None)).code == "no_host_witness"
    assert reconcile(report, make_witness(source=EnergySource.SIMULATED)).reasons == ()


def test_a_foreign_process_that_only_the_host_saw_is_invalid() -> None:
    verdict = reconcile(make_report(), make_witness(foreign_process_ids=(31, 7)))
    assert (reason(verdict).code, reason(verdict).severity) == ("witness_foreign_process", "invalid")
    assert reason(verdict).observed == "process 7, 31"
    assert (verdict.rateable, verdict.comparable) == (False, False)


def test_a_host_that_could_not_tell_whose_processes_it_saw_says_so() -> None:
    verdict = reconcile(make_report(), make_witness(processes_watched=False))
    assert (reason(verdict).code, reason(verdict).severity) == ("processes_unwatched", "warning")
    assert (verdict.rateable, verdict.comparable) == (True, True)


def test_a_fault_that_only_the_host_saw_is_invalid_and_its_gpu_is_not_called_missing() -> None:
    verdict = reconcile(make_report(), make_witness(energy_j={}, faults={H100.uuid: "counter_reset"}))
    assert (reason(verdict).code, reason(verdict).observed) == ("witness_fault", f"{H100.uuid}: counter_reset")
    assert not verdict.rateable


def test_a_gpu_that_the_host_had_not_given_is_invalid() -> None:
    verdict = reconcile(make_report(), make_witness(energy_j={"GPU-other": 700_000.0}))
    assert (reason(verdict).code, reason(verdict).observed) == ("witness_gpu_missing", "GPU-other")


def test_less_energy_than_the_engines_windows_is_invalid() -> None:
    assert host_counted(WINDOWS_J).reasons == ()
    seen = reason(host_counted(WINDOWS_J - 1))
    assert (seen.code, seen.severity) == ("witness_energy_too_low", "invalid")
    assert (seen.observed, seen.threshold) == ("606959.0 J", ">= 606960.0 J")


def test_the_ticks_of_all_windows_are_allowed_for() -> None:
    report = with_uncertainty(10)  # 12 windows
    just_enough, too_little = (make_witness(energy_j={H100.uuid: WINDOWS_J - lack_j}) for lack_j in (120, 121))
    assert reconcile(report, just_enough).reasons == ()
    assert reason(reconcile(report, too_little)).code == "witness_energy_too_low"


def test_load_and_idle_windows_are_part_of_what_the_host_must_have_seen() -> None:
    """9,000 J more in the windows than the host's 12,140 J outside them leave 3,140 J."""
    phases = (*make_phases(), *make_overhead())
    assert reconcile(make_report(phases=phases), make_witness()).reasons == ()
    too_low = make_witness(energy_j={H100.uuid: WINDOWS_J + 8_999})
    assert reason(reconcile(make_report(phases=phases), too_low)).code == "witness_energy_too_low"


def test_a_gpu_that_worked_harder_outside_the_windows_than_in_them_is_invalid() -> None:
    outside_s = 785 - 663.6 + 0.2
    assert host_counted(WINDOWS_J + 1.09 * HOTTEST_W * outside_s).reasons == ()
    seen = reason(host_counted(WINDOWS_J + 2 * HOTTEST_W * outside_s))
    assert (seen.code, seen.severity, seen.observed) == ("witness_power_implausible", "invalid", "1834 W")
    assert seen.threshold == "<= 1009 W"


def test_a_counter_that_halved_in_the_engine_alone_is_found_by_the_host() -> None:
    halved = tuple(
        window.model_copy(update={"energy_j": {H100.uuid: window.energy_j[H100.uuid] / 2}}) for window in make_phases()
    )
    assert reason(reconcile(make_report(phases=halved), make_witness())).code == "witness_power_implausible"


def test_a_sampled_peak_says_how_hot_the_gpu_may_have_been_outside() -> None:
    hot_j = WINDOWS_J + 1.5 * HOTTEST_W * 121.4
    peak = GpuConditions(uuid=H100.uuid, peak_power_w=1.5 * HOTTEST_W, power_limits_w=(2000.0,))
    assert host_counted(hot_j, conditions=(peak,)).reasons == ()
    cool = peak.model_copy(update={"peak_power_w": HOTTEST_W})
    assert reason(host_counted(hot_j, conditions=(cool,))).code == "witness_power_implausible"
    unsampled = peak.model_copy(update={"peak_power_w": None})
    assert host_counted(hot_j, conditions=(unsampled,)).reasons == ()


def test_windows_shorter_than_a_tick_do_not_make_the_rest_of_the_run_look_hot() -> None:
    short = make_phases()[-1].model_copy(
        update={"duration_s": 0.05, "energy_j": {H100.uuid: 0.0}, "uncertainty_j": {H100.uuid: 20.0}}
    )
    at_300_w = make_witness(energy_j={H100.uuid: 785 * 300.0})
    assert reconcile(make_report(phases=(short,)), at_300_w).reasons == ()


def test_the_hosts_reasons_follow_those_of_the_engine() -> None:
    quick = VerdictReason(
        code="quick_protocol", severity="invalid", message="m", observed="quick", threshold="official"
    )
    engines = Verdict(status="measured", rateable=False, comparable=False, reasons=(quick,))
    verdict = reconcile(make_report(verdict=engines), make_witness(run_id=RUN_ID, foreign_process_ids=(7,)))
    assert [seen.code for seen in verdict.reasons] == ["quick_protocol", "witness_foreign_process"]
    assert (verdict.status, verdict.rateable, verdict.comparable) == ("measured", False, False)
