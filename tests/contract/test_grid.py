import pytest

from energy_score.contract.errors import UsageError
from energy_score.contract.grid import grid_factor


@pytest.mark.parametrize(
    ("region", "factor"),
    [("world", 475.0), ("USA", 369.5), ("China", 582.3), (" gas_turbine ", 402.0)],
)
def test_a_region_has_the_factor_of_the_method(region: str, factor: float) -> None:
    assert grid_factor(region).g_per_kwh == factor


def test_an_unknown_region_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match=r"unknown region 'mars' \(expected one of: world, usa, france, china, gas_turbine"
    ):
        grid_factor("mars")
