import math
from collections.abc import Callable, Sequence

import pytest

from energy_score.contract.run_report import EnergySource, PhaseEnergy, PhaseStatistics
from energy_score.engine.statistics import _T_95, ci95_half_width, phase_statistics

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
