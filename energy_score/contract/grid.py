"""The CO2 that a kWh stands for, by region: averages of a grid, so every figure made with them is an estimate."""

from typing import NamedTuple

from energy_score.contract.errors import UsageError


class GridFactor(NamedTuple):
    """Grams of CO2e per kWh of electricity in ``region``, and where the figure comes from."""

    region: str
    g_per_kwh: float
    source: str


# Source of the figures and their year: the method's page on further impacts.
GRID_FACTORS = {
    factor.region: factor
    for factor in (
        GridFactor("world", 475.0, "average grid, 2023"),
        GridFactor("usa", 369.5, "average grid, 2023"),
        GridFactor("france", 56.0, "average grid, 2023"),
        GridFactor("china", 582.3, "average grid, 2023"),
        GridFactor("gas_turbine", 402.0, "gas turbine behind the meter"),
    )
}


def grid_factor(region: str) -> GridFactor:
    """The factor of ``region``, in any case of letters.

    Raises:
        UsageError: the region is not known; the message names the known ones.
    """
    try:
        return GRID_FACTORS[region.strip().lower()]
    except KeyError:
        raise UsageError(f"region {region!r} is not one of {', '.join(GRID_FACTORS)}") from None
