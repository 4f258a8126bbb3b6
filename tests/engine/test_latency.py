import random

import pytest

from energy_score.engine.latency import LatencyHistogram


def test_an_empty_histogram_has_no_percentile() -> None:
    assert LatencyHistogram().percentile_s(50) is None


@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_a_percentile_is_within_half_a_percent_of_the_exact_one(percent: int) -> None:
    generator = random.Random(1)
    latencies_s = sorted(generator.lognormvariate(-4, 1) for _ in range(10_001))
    histogram = LatencyHistogram()
    histogram.add(latencies_s)
    rank = max(1, -(-len(latencies_s) * percent // 100))
    assert histogram.percentile_s(percent) == pytest.approx(latencies_s[rank - 1], rel=0.006)


def test_a_latency_of_zero_is_counted() -> None:
    histogram = LatencyHistogram()
    histogram.add([0.0, 1.0])
    assert histogram.percentile_s(100) == pytest.approx(1.0, rel=0.006)
    assert (histogram.percentile_s(1) or 1) < 1e-6
