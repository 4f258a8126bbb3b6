import math
import random
from collections.abc import Callable, Sequence

import pytest

from energy_score.contract.run_report import EnergySource, PhaseEnergy, PhaseStatistics
from energy_score.contract.run_spec import RepeatPolicy
from energy_score.shared.analysis.statistics import _T_95, ci95_half_width, phase_statistics, should_stop

MakeWindow = Callable[..., PhaseEnergy]


def by_phase(statistics: Sequence[PhaseStatistics]) -> dict[str, PhaseStatistics]:
    assert len({figure.phase for figure in statistics}) == len(statistics)
    return {figure.phase: figure for figure in statistics}


def repeats(make_window: MakeWindow, phase: str, *energies_j: float, duration_s: float = 12.0) -> list[PhaseEnergy]:
    return [
        make_window(phase=phase, repeat=repeat, duration_s=duration_s, energy_j={"GPU-a": energy_j})
        for repeat, energy_j in enumerate(energies_j, start=1)
    ]


def test_mean_deviation_and_interval_of_a_phase(make_window: MakeWindow) -> None:
    figure = by_phase(phase_statistics(repeats(make_window, "forward", 10, 12, 14)))["forward"]
    assert (figure.domain, figure.source, figure.repeats) == ("gpu", EnergySource.NVML_COUNTER, 3)
    assert figure.mean_duration_s == 12.0
    assert figure.mean_energy_j == 12.0
    assert figure.stdev_energy_j == 2.0  # ((-2)^2 + 0 + 2^2) / 2 = 4
    assert figure.ci95_half_width_j == pytest.approx(4.303 * 2 / math.sqrt(3))


def test_figures_are_of_one_pass(make_window: MakeWindow) -> None:
    window = make_window(phase="forward", passes=4, duration_s=12.0, energy_j={"GPU-a": 300.0, "GPU-b": 100.0})
    figure = by_phase(phase_statistics([window]))["forward"]
    assert (figure.mean_duration_s, figure.mean_energy_j) == (3.0, 100.0)


def test_one_repeat_has_neither_deviation_nor_interval(make_window: MakeWindow) -> None:
    figure = by_phase(phase_statistics(repeats(make_window, "call", 10)))["call"]
    assert (figure.mean_energy_j, figure.stdev_energy_j, figure.ci95_half_width_j) == (10.0, None, None)


def test_decode_is_the_full_pass_less_the_prefill_of_the_same_repeat(make_window: MakeWindow) -> None:
    windows = [
        *repeats(make_window, "prefill", 10, 20, 30, duration_s=10),
        *repeats(make_window, "full", 110, 121, 132, duration_s=25),
    ]
    figures = by_phase(phase_statistics(windows))
    assert set(figures) == {"prefill", "decode", "total"}
    decode = figures["decode"]  # 100, 101, 102: their own spread, not that of two independent passes
    assert (decode.mean_energy_j, decode.stdev_energy_j, decode.mean_duration_s) == (101.0, 1.0, 15.0)
    assert figures["prefill"].mean_energy_j == 20.0
    assert figures["total"].mean_energy_j == 121.0


def test_a_repeat_without_both_passes_gives_no_decode(make_window: MakeWindow) -> None:
    windows = [*repeats(make_window, "prefill", 10), *repeats(make_window, "full", 110, 130)]
    figures = by_phase(phase_statistics(windows))
    assert (figures["decode"].repeats, figures["decode"].mean_energy_j) == (1, 100.0)
    assert (figures["total"].repeats, figures["total"].mean_energy_j) == (2, 120.0)
    assert "decode" not in by_phase(phase_statistics(repeats(make_window, "full", 110)))


@pytest.mark.parametrize("work", ["full", "forward", "call"])
def test_the_total_is_preprocessing_and_the_work_of_the_same_repeat(make_window: MakeWindow, work: str) -> None:
    windows = [*repeats(make_window, "preprocess", 1, 2, duration_s=10), *repeats(make_window, work, 100, 103)]
    total = by_phase(phase_statistics(windows))["total"]
    assert (total.mean_energy_j, total.mean_duration_s) == (103.0, 22.0)  # 101 and 105
    assert total.stdev_energy_j == pytest.approx(math.sqrt(8))


def test_uncounted_windows_never_enter(make_window: MakeWindow) -> None:
    windows = [
        make_window(phase="load", repeat=0, counted=False),
        make_window(phase="idle", repeat=0, counted=False),
        make_window(phase="full", repeat=0, counted=False, energy_j={"GPU-a": 999.0}),
        *repeats(make_window, "full", 100),
    ]
    (total,) = phase_statistics(windows)
    assert (total.phase, total.repeats, total.mean_energy_j) == ("total", 1, 100.0)


def test_each_domain_and_source_has_figures_of_its_own(make_window: MakeWindow) -> None:
    cpu = make_window(domain="cpu", source=EnergySource.ESTIMATE, energy_j={"cpu:cores": 5.0, "cpu:memory": 1.0})
    gpu_total, cpu_total = phase_statistics([make_window(energy_j={"GPU-a": 100.0}), cpu])
    assert (gpu_total.domain, gpu_total.mean_energy_j) == ("gpu", 100.0)
    assert (cpu_total.domain, cpu_total.source, cpu_total.mean_energy_j) == ("cpu", EnergySource.ESTIMATE, 6.0)


def test_without_a_meter_there_are_durations_and_no_energies(make_window: MakeWindow) -> None:
    windows = [
        make_window(phase=phase, duration_s=duration_s, domain=None, source=None, energy_j={})
        for phase, duration_s in (("prefill", 10.0), ("full", 30.0))
    ]
    figures = by_phase(phase_statistics(windows))
    assert {phase: figure.mean_duration_s for phase, figure in figures.items()} == {
        "prefill": 10.0,
        "decode": 20.0,
        "total": 30.0,
    }
    assert {figure.mean_energy_j for figure in figures.values()} == {None}
    assert {figure.ci95_half_width_j for figure in figures.values()} == {None}


def test_one_repeat_of_unknown_energy_makes_the_mean_unknown(make_window: MakeWindow) -> None:
    windows = [*repeats(make_window, "full", 100), make_window(repeat=2, energy_j={})]
    assert by_phase(phase_statistics(windows))["total"].mean_energy_j is None


def test_several_windows_of_one_repeat_are_added_before_they_are_divided(make_window: MakeWindow) -> None:
    windows = [
        make_window(passes=1, duration_s=10, energy_j={"GPU-a": 100.0}),
        make_window(passes=3, duration_s=34, energy_j={"GPU-a": 340.0}),
    ]
    total = by_phase(phase_statistics(windows))["total"]
    assert (total.repeats, total.mean_energy_j, total.mean_duration_s) == (1, 110.0, 11.0)


def test_no_windows_give_no_figures() -> None:
    assert phase_statistics([]) == ()


@pytest.mark.parametrize("degrees", range(1, 31))
def test_the_t_table_agrees_with_the_integrated_density(degrees: int) -> None:
    """Half the density between -t and t, by Simpson's rule, is 0.475."""
    t, steps = _T_95[degrees - 1], 2000
    scale = math.gamma((degrees + 1) / 2) / (math.sqrt(degrees * math.pi) * math.gamma(degrees / 2))
    density = [scale * (1 + (t * k / steps) ** 2 / degrees) ** (-(degrees + 1) / 2) for k in range(steps + 1)]
    half = t / steps / 3 * (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2]))
    assert half == pytest.approx(0.475, abs=3e-5)


def test_the_interval_beyond_the_table_keeps_its_last_quantile() -> None:
    values = [0.0, 1.0] * 20
    s = math.sqrt(40 * 0.25 / 39)
    assert ci95_half_width(values) == pytest.approx(2.042 * s / math.sqrt(40))


def with_ticks(windows: Sequence[PhaseEnergy], uncertainty_j: float) -> list[PhaseEnergy]:
    return [window.model_copy(update={"uncertainty_j": {"GPU-a": uncertainty_j}}) for window in windows]


def decode_of(windows: Sequence[PhaseEnergy]) -> PhaseStatistics:
    return by_phase(phase_statistics(windows))["decode"]


def test_a_decode_under_three_standard_errors_has_a_deviation_and_no_figure(make_window: MakeWindow) -> None:
    windows = [*repeats(make_window, "prefill", 100, 100, 100), *repeats(make_window, "full", 108, 100, 104)]
    decode = decode_of(windows)  # 4 of 4 / sqrt(3) = 2.31: 1.7 sigma
    assert (decode.unresolved, decode.mean_energy_j, decode.stdev_energy_j) == (True, None, 4.0)
    assert decode.ci95_half_width_j is not None
    total = by_phase(phase_statistics(windows))["total"]
    assert (total.unresolved, total.mean_energy_j) == (False, 104.0)


def test_a_decode_of_three_standard_errors_is_a_figure(make_window: MakeWindow) -> None:
    full = repeats(make_window, "full", 108.1, 106, 107.05)  # 7.05, standard error 1.05 / sqrt(3) = 0.61
    decode = decode_of([*repeats(make_window, "prefill", 100, 100, 100), *full])
    assert not decode.unresolved
    assert decode.mean_energy_j == pytest.approx(7.05)


def test_the_ticks_alone_decide_about_one_repeat(make_window: MakeWindow) -> None:
    """u(decode) = sqrt(10^2 + 10^2) / sqrt(3) = 8.16 J, so that 24.5 J are three of it."""
    seen = {
        energy_j: decode_of(
            with_ticks([*repeats(make_window, "prefill", 100), *repeats(make_window, "full", 100 + energy_j)], 10)
        ).mean_energy_j
        for energy_j in (24.4, 24.6)
    }
    assert seen == {24.4: None, 24.6: pytest.approx(24.6)}


def test_the_ticks_of_a_looped_window_are_shared_by_its_passes(make_window: MakeWindow) -> None:
    prefill = make_window(phase="prefill", passes=100, energy_j={"GPU-a": 10_000.0}, uncertainty_j={"GPU-a": 10.0})
    full = make_window(passes=10, energy_j={"GPU-a": 1050.0}, uncertainty_j={"GPU-a": 10.0})
    assert decode_of([prefill, full]).mean_energy_j == pytest.approx(5.0)  # sigma 0.58 J
    assert decode_of([prefill, full.model_copy(update={"energy_j": {"GPU-a": 1015.0}})]).unresolved


@pytest.mark.parametrize("full_j", [100.0, 99.0])
def test_a_decode_that_is_not_above_zero_is_unresolved_whatever_its_uncertainty(
    make_window: MakeWindow, full_j: float
) -> None:
    assert decode_of([*repeats(make_window, "prefill", 100), *repeats(make_window, "full", full_j)]).unresolved


def test_one_repeat_without_a_stated_uncertainty_is_a_figure(make_window: MakeWindow) -> None:
    decode = decode_of([*repeats(make_window, "prefill", 100), *repeats(make_window, "full", 101)])
    assert (decode.unresolved, decode.mean_energy_j) == (False, 1.0)


@pytest.mark.parametrize("phase", ["preprocess", "prefill"])
def test_a_phase_below_its_own_tick_is_unresolved_and_the_total_is_not(make_window: MakeWindow, phase: str) -> None:
    windows = [*with_ticks(repeats(make_window, phase, 3, 5), 4.5), *repeats(make_window, "full", 100, 104)]
    figures = by_phase(phase_statistics(windows))
    assert (figures[phase].unresolved, figures[phase].mean_energy_j) == (True, None)
    assert (figures["total"].unresolved, figures["total"].mean_energy_j is None) == (False, False)
    at_the_tick = with_ticks(repeats(make_window, phase, 3, 5), 4.0)
    assert by_phase(phase_statistics(at_the_tick))[phase].mean_energy_j == 4.0


def test_a_total_below_its_ticks_stays_a_figure(make_window: MakeWindow) -> None:
    (total,) = phase_statistics(with_ticks(repeats(make_window, "full", 3), 50))
    assert (total.unresolved, total.mean_energy_j) == (False, 3.0)


def test_idle_power_over_the_pass_is_subtracted_beside_the_gross_figure(make_window: MakeWindow) -> None:
    before, after = (
        make_window(phase="idle", counted=False, repeat=0, duration_s=duration_s, energy_j={"GPU-a": energy_j})
        for duration_s, energy_j in ((30.0, 2700.0), (10.0, 1300.0))
    )
    elsewhere = make_window(phase="idle", counted=False, domain="cpu", source=EnergySource.RAPL)
    work = repeats(make_window, "full", 3000, 3200, duration_s=10)
    total = by_phase(phase_statistics([before, *work, after, elsewhere]))["total"]  # idle: 4000 J in 40 s, 100 W
    assert (total.mean_energy_j, total.idle_subtracted_j) == (3100.0, 2100.0)


def test_without_an_idle_baseline_nothing_is_subtracted(make_window: MakeWindow) -> None:
    (total,) = phase_statistics(repeats(make_window, "full", 3000))
    assert total.idle_subtracted_j is None


def test_the_variance_of_paired_differences_is_the_sum_of_both_passes(make_window: MakeWindow) -> None:
    """METHOD: var(decode) = var(A) + var(B), as a cross-check on 2,000 independent repeats."""
    seeded = random.Random(3)
    prefill = repeats(make_window, "prefill", *(seeded.gauss(1000, 3) for _ in range(2000)))
    full = repeats(make_window, "full", *(seeded.gauss(1500, 4) for _ in range(2000)))
    assert decode_of([*prefill, *full]).stdev_energy_j == pytest.approx(5, rel=0.05)


def test_a_known_split_is_inside_its_interval_in_95_percent_of_trials(make_window: MakeWindow) -> None:
    """400 trials of 5 repeats: decode is 500 J of 1,500 J; noise of 4 J, and ticks of up to 10 J."""
    seeded, inside = random.Random(11), 0
    for _ in range(400):
        energies = ([e + seeded.gauss(0, 4) + seeded.uniform(-10, 10) for _ in range(5)] for e in (1000, 1500))
        prefill, full = energies
        figure = decode_of([*repeats(make_window, "prefill", *prefill), *repeats(make_window, "full", *full)])
        assert figure.mean_energy_j is not None
        assert figure.ci95_half_width_j is not None
        inside += abs(figure.mean_energy_j - 500) <= figure.ci95_half_width_j
    assert inside / 400 >= 0.93


ADAPTIVE = RepeatPolicy(
    protocol="official",
    repeats=5,
    discarded_repeats=1,
    min_phase_s=10,
    idle_baseline_s=30,
    ci_target=0.01,
    max_repeats=8,
)
FIXED = ADAPTIVE.model_copy(update={"ci_target": None, "max_repeats": None})


def repeats_until_stop(windows: Sequence[PhaseEnergy], policy: RepeatPolicy) -> int | None:
    by_count = (count for count in range(1, len(windows) + 1) if should_stop(windows[:count], policy))
    return next(by_count, None)


def test_without_a_target_the_repeats_stop_at_their_number(make_window: MakeWindow) -> None:
    assert repeats_until_stop(repeats(make_window, "full", *[100, 150] * 5), FIXED) == 5


def test_quiet_repeats_stop_at_the_least_number_and_noisy_ones_at_the_most(make_window: MakeWindow) -> None:
    assert repeats_until_stop(repeats(make_window, "full", *[100.0, 100.1] * 5), ADAPTIVE) == 5
    assert repeats_until_stop(repeats(make_window, "full", *[100.0, 150.0] * 5), ADAPTIVE) == 8


def test_the_repeats_go_on_until_the_half_width_is_at_most_the_target(make_window: MakeWindow) -> None:
    energies_j = [100.5, 99.5, 100.0, 100.5, 99.5, 100.0, 100.0, 100.0]
    windows = repeats(make_window, "full", *energies_j)
    count = repeats_until_stop(windows, ADAPTIVE)
    assert count is not None
    assert 5 < count < 8
    widths_j = [phase_statistics(windows[:n])[-1].ci95_half_width_j for n in (count - 1, count)]
    assert (widths_j[0] or 0) > 1.0 >= (widths_j[1] or 0)


def test_discarded_repeats_are_not_counted_towards_the_number(make_window: MakeWindow) -> None:
    discarded = [make_window(repeat=repeat, counted=False) for repeat in range(20, 30)]
    assert not should_stop([*discarded, *repeats(make_window, "full", 1, 1, 1, 1)], FIXED)


def test_the_gpus_total_decides_where_the_cpu_was_read_as_well(make_window: MakeWindow) -> None:
    noisy_cpu = [
        make_window(repeat=n, domain="cpu", source=EnergySource.RAPL, energy_j={"package-0": 10.0 * n})
        for n in range(1, 6)
    ]
    assert should_stop([*noisy_cpu, *repeats(make_window, "full", 100, 100, 100, 100, 100)], ADAPTIVE)
    assert not should_stop(noisy_cpu, ADAPTIVE)


def test_an_unknown_energy_cannot_reach_a_target_and_stops_at_the_least_number(make_window: MakeWindow) -> None:
    timed = [make_window(repeat=n, domain=None, source=None, energy_j={}) for n in range(1, 6)]
    assert repeats_until_stop(timed, ADAPTIVE) == 5


@pytest.mark.parametrize("changes", [{"max_repeats": None}, {"ci_target": None}, {"max_repeats": 4}])
def test_a_target_without_an_end_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="max_repeats"):
        RepeatPolicy.model_validate(ADAPTIVE.model_dump() | changes)
