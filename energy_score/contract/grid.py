"""Greenhouse gas of one kWh of electricity, by region."""

from energy_score.contract.errors import UsageError

# Average intensity of each grid in g CO2e per kWh, 2023 ("gas": electricity from a gas turbine).
# Source: the AI Energy Score documentation, "Further impacts".
GRID_FACTORS_G_PER_KWH: dict[str, float] = {
    "world": 475.0,
    "usa": 369.5,
    "france": 56.0,
    "china": 582.3,
    "gas": 402.0,
}


def grid_factor_g_per_kwh(region: str) -> float:
    """The g CO2e that one kWh causes in ``region`` (any case).

    Raises:
        UsageError: the region has no factor; the message names those that have one.
    """
    factor = GRID_FACTORS_G_PER_KWH.get(region.strip().lower())
    if factor is None:
        raise UsageError(f"region {region!r} is not one of {', '.join(GRID_FACTORS_G_PER_KWH)}")
    return factor
