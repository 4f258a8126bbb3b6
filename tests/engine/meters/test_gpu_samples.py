import gzip
from array import array
from collections.abc import Sequence

import pytest

from energy_score.engine.meters.gpu_samples import GpuSample, GpuSamples
from energy_score.engine.meters.power_trace import HEADER, power_trace

HOLD_S = 0.5


def samples_of(*points: tuple[float, float | None]) -> GpuSamples:
    """Samples of these times in s and powers in W."""
    times_s = array("d")
    samples = GpuSamples(times_s)
    for time_s, power_w in points:
        times_s.append(time_s)
        samples.append(GpuSample(power_w=power_w), longest_hold_s=HOLD_S)
    return samples


def every_100_ms(powers_w: Sequence[float | None]) -> GpuSamples:
    return samples_of(*((index / 10, power_w) for index, power_w in enumerate(powers_w)))


def test_identical_readings_count_like_any_others() -> None:
    assert every_100_ms([300.0] * 31).integral_j(0, 3) == pytest.approx(900)


def test_a_power_stands_until_the_next_sample_across_both_edges() -> None:
    samples = every_100_ms([100.0, 300.0, 200.0])
    assert samples.integral_j(0.05, 0.25) == pytest.approx(100 * 0.05 + 300 * 0.1 + 200 * 0.05)


def test_further_samples_do_not_change_the_integral_of_a_finished_window() -> None:
    points = [(index / 10, 100.0 + index) for index in range(200)]
    early, late = samples_of(*points[:31]), samples_of(*points)
    assert early.integral_j(0.512, 3.044) == late.integral_j(0.512, 3.044)


@pytest.mark.parametrize(
    ("start_s", "end_s", "known"),
    [(0.0, 0.2, True), (0.0, 0.6, True), (0.0, 0.8, False), (0.0, 1.5, False), (0.7, 1.5, False), (1.0, 1.5, True)],
)
def test_a_gap_makes_unknown_exactly_the_windows_that_need_it(start_s: float, end_s: float, *, known: bool) -> None:
    samples = samples_of((0, 300), (0.1, 300), (1.0, 300), (1.1, 300))
    assert (samples.integral_j(start_s, end_s) is not None) is known


def test_a_short_silence_is_bridged_by_the_last_known_power() -> None:
    assert every_100_ms([300.0, None, None, 300.0]).integral_j(0, 0.3) == pytest.approx(90)


def test_before_the_first_and_long_after_the_last_sample_nothing_is_known() -> None:
    samples = every_100_ms([300.0, 300.0])
    assert samples.integral_j(-0.1, 0.1) is None
    assert samples.integral_j(0, 0.7) is None
    assert every_100_ms([None, None]).integral_j(0, 0.1) is None
    assert every_100_ms([None, 300.0]).integral_j(0, 0.1) is None


def test_twelve_hours_of_eight_gpus_stay_under_200_mib() -> None:
    times_s = array("d")
    gpu = GpuSamples(times_s)
    sample_count = 5000
    for index in range(sample_count):
        times_s.append(index / 10)
        gpu.append(GpuSample(300.0, 1980, 60, 40_000, 4), longest_hold_s=HOLD_S)
    arrays = [value for value in vars(gpu).values() if isinstance(value, array) and value is not times_s]
    bytes_per_sample = sum(len(values) * values.itemsize for values in arrays) / sample_count
    ticks = 12 * 3600 * 10
    growth = 9 / 8  # CPython, Modules/arraymodule.c: an array keeps room for an eighth more
    assert growth * ticks * (8 * bytes_per_sample + times_s.itemsize) < 200 * 2**20


def test_the_trace_has_a_line_per_sample_and_gpu_with_empty_cells_for_the_unknown() -> None:

    times_s = array("d")
    gpus = [GpuSamples(times_s), GpuSamples(times_s)]
    for time_s in (7.0, 7.1):
        times_s.append(time_s)
        gpus[0].append(GpuSample(300.5, 1980, 61, 4096, 0x44), longest_hold_s=HOLD_S)
        gpus[1].append(GpuSample(), longest_hold_s=HOLD_S)
    content = power_trace(times_s, gpus)
    assert gzip.decompress(content).decode().splitlines() == [
        HEADER,
        "0.0000,0,300.500,1980,61,4096,sw_power_cap|hw_thermal_slowdown",
        "0.0000,1,,,,,",
        "0.1000,0,300.500,1980,61,4096,sw_power_cap|hw_thermal_slowdown",
        "0.1000,1,,,,,",
    ]
    assert power_trace(times_s, gpus) == content
