"""CO2 per kWh by region. These are grid averages, so all figures made with them are estimates."""

from typing import NamedTuple

from energy_score.contract.errors import UsageError


class GridFactor(NamedTuple):
    """Grams of CO2e per kWh of electricity in ``region``, with the source."""

    region: str
    g_per_kwh: float
    source: str


# Source of the figures and years: the method's page on further impacts.
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
    """Return the factor of ``region`` (case-insensitive).

    Raises:
        UsageError: The region is unknown; the message lists the known ones.
    """
    try:
        return GRID_FACTORS[region.strip().lower()]
    except KeyError:
        raise UsageError(f"unknown region {region!r} (expected one of: {', '.join(GRID_FACTORS)})") from None
