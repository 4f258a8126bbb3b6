from typing import Any

import pytest

from energy_score.contract.errors import UsageError
from energy_score.reports.impact.estimate import Figure, estimate_impact
from energy_score.reports.impact.factors import KNOWN_REGIONS, get_factors, parse_changes
from energy_score.reports.results_table.result_row import ResultRow


def make_row(**changes: Any) -> ResultRow:
    """20 Wh per 1,000 queries on one GPU, half a second each."""
    values = {
        "model_name": "a/a",
        "model_class": "A",
        "task": "text_gen",
        "reasoning_state": "Off",
        "successful_prompts": 1000,
        "total_duration_seconds": 500.0,
        "gpu_energy_wh": 20.0,
        "wh_per_1000_queries": 20.0,
        "energy_source": "nvml-counter",
        "gpu_count": 1,
    }
    return ResultRow(**(values | changes))


def figures(row: ResultRow, region: str = "usa", **changes: float) -> dict[str, Figure]:
    impact = estimate_impact(row, queries_per_year=1e9, region=region, factors=get_factors(region, changes))
    assert impact is not None
    return {figure.name: figure for figure in impact.figures}


def test_the_totals_follow_the_method_by_hand() -> None:
    found = figures(make_row(), pue=1.2, network_storage_share=0.1)
    # 20 Wh x 1e9 / 1000 = 20,000 kWh; CPU and RAM 6,000; network and storage 2,000; times 1.2.
    expected = {
        "GPU energy": 20_000.0,
        "CPU and RAM energy": 6_000.0,
        "network and storage energy": 2_000.0,
        "total energy": 33_600.0,
        "CO2e of electricity": 33_600 * 0.3695,
        # PUE once: 28,000 x 0.36 at the site, 33,600 x 4.52 for the electricity.
        "water": 28_000 * 0.36 + 33_600 * 4.52,
        "resource depletion of electricity (ADPe)": 33_600 * 9.855e-8,
        "primary energy": 33_600 * 11.4,
        # 0.5e9 s of 5 years, one GPU and an eighth of a server.
        "embodied CO2e": 0.5e9 / (5 * 365 * 86400) * (143 + 3000 / 8),
        "embodied resource depletion (ADPe)": 0.5e9 / (5 * 365 * 86400) * (5.1e-3 + 0.24 / 8),
        "embodied primary energy": 0.5e9 / (5 * 365 * 86400) * (1828 + 38000 / 8),
    }
    assert {name: figure.value for name, figure in found.items()} == pytest.approx(expected)
    assert [name for name, figure in found.items() if not figure.is_estimate] == ["GPU energy"]


def test_a_measured_cpu_takes_the_place_of_the_share() -> None:
    found = figures(make_row(cpu_energy_wh=3.0, cpu_energy_source="rapl"))["CPU and RAM energy"]
    assert (found.value, found.is_estimate) == (3000.0, False)
    estimated = figures(make_row(cpu_energy_wh=3.0, cpu_energy_source="estimate"))["CPU and RAM energy"]
    assert (estimated.value, estimated.factors) == (6000.0, ("cpu_ram_share",))


def test_a_figure_says_what_it_was_made_of_in_this_run() -> None:
    found = figures(make_row(cpu_energy_wh=3.0, cpu_energy_source="rapl", concurrency=8))
    assert "its RAM if RAPL has a counter" in found["CPU and RAM energy"].how  # AMD's has none
    assert "8 queries at a time" in found["embodied CO2e"].how
    assert "one query at a time" in figures(make_row())["embodied CO2e"].how


def test_what_no_source_gives_is_unknown_and_never_nothing() -> None:
    found = figures(make_row(), "world")
    assert found["water"].value is None
    assert found["network and storage energy"].value is None
    assert "without network and storage" in found["total energy"].how
    assert figures(make_row(), "eea")["CO2e of electricity"].value is None
    assert figures(make_row(), "gas_turbine")["primary energy"].value is None
    assert figures(make_row(total_duration_seconds=None))["embodied CO2e"].value is None


def test_a_row_without_measured_gpu_energy_has_no_impacts() -> None:
    row = make_row(wh_per_1000_queries=None, gpu_energy_wh=None)
    assert estimate_impact(row, queries_per_year=1.0, region="world", factors=get_factors("world")) is None


@pytest.mark.parametrize("region", KNOWN_REGIONS)
def test_every_factor_of_every_region_names_its_source(region: str) -> None:
    for factor in get_factors(region).values():
        assert factor.source
        assert factor.unit


def test_a_given_factor_says_that_it_was_given() -> None:
    factor = get_factors("world", parse_changes(["pue=1.1"]))["pue"]
    assert (factor.value, factor.source) == (1.1, "given by the user")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["pue"], "expected NAME=NUMBER"),
        (["pue=low"], "expected NAME=NUMBER"),
        (["pue=0.9"], "a number of at least 1"),
        (["cpu_ram_share=-1"], "a number of at least 0"),
        (["cpu_ram_share=nan"], "a number of at least 0"),
        (["colour=1"], "unknown factor 'colour' .expected one of: cpu_ram_share"),
    ],
)
def test_a_factor_that_is_none_is_refused(changes: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        get_factors("world", parse_changes(changes))


def test_an_unknown_region_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown region 'moon' \(expected one of: world, eea, usa"):
        get_factors("moon")
