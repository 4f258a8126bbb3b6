"""The factors of the impact estimates in one table, with unit and source; users can replace them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from energy_score.contract.errors import UsageError
from energy_score.contract.grid import GRID_FACTORS

# Change this with any value below, so that an estimate says which table was used.
VERSION = "2026-11"

_SEED = "AI Energy Score documentation, Estimating Additional Environmental Impacts"
_ADEME = f"ADEME Base Empreinte, in {_SEED}"
_ECOLOGITS = "EcoLogits, LLM inference methodology: 8 GPUs of the A100 generation to a server, 5 years"
# (2nd): only found quoted in secondary sources.
_LBNL = "LBNL, 2024 United States Data Center Energy Usage Report, US average of 2023 (2nd)"
_UPTIME = "Uptime Institute, Global Data Center Survey 2025, average (2nd)"


class Factor(NamedTuple):
    """``value`` in ``unit``; None if no source gives one. What needs it is then left out, with a note."""

    name: str
    value: float | None
    unit: str
    source: str


class _Region(NamedTuple):
    adpe_kg_sb_per_kwh: float
    primary_energy_mj_per_kwh: float


_REGIONS = {
    "world": _Region(7.378e-8, 9.99),
    "eea": _Region(6.423e-8, 12.9),
    "usa": _Region(9.855e-8, 11.4),
    "china": _Region(8.515e-8, 14.1),
    "france": _Region(4.858e-8, 11.3),
}
# Liters per kWh at the site, and for the electricity that it uses.
_WATER = {"usa": (0.36, 4.52)}

KNOWN_REGIONS = tuple(dict.fromkeys((*_REGIONS, *GRID_FACTORS)))


def get_factors(region: str, changes: Mapping[str, float] | None = None) -> dict[str, Factor]:
    """Return every factor for ``region`` by name; ``changes`` replaces values.

    Raises:
        UsageError: The region or a factor is unknown, or a value is invalid.
    """
    key = region.strip().lower()
    if key not in KNOWN_REGIONS:
        raise UsageError(f"unknown region {region!r} (expected one of: {', '.join(KNOWN_REGIONS)})")
    table = {factor.name: factor for factor in _table(key)}
    for name, value in (changes or {}).items():
        if name not in table:
            raise UsageError(f"unknown factor {name!r} (expected one of: {', '.join(table)})")
        least = 1.0 if name == "pue" else 0.0
        if not least <= value < float("inf"):
            raise UsageError(f"invalid factor {name}={value} (expected a number of at least {least:g})")
        table[name] = table[name]._replace(value=value, source="given by the user")
    return table


def parse_changes(texts: Iterable[str]) -> dict[str, float]:
    """Parse changes like ``pue=1.1``.

    Raises:
        UsageError: One of them cannot be parsed.
    """
    changes = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            changes[name.strip()] = float(number)
        except ValueError:
            raise UsageError(f"invalid factor {text!r} (expected NAME=NUMBER, such as pue=1.1)") from None
    return changes


def _table(region: str) -> Iterable[Factor]:
    grid, mix, water = GRID_FACTORS.get(region), _REGIONS.get(region), _WATER.get(region)
    none = f"no source has a value for {region}; set your own"
    yield Factor(
        "cpu_ram_share",
        0.30,
        "of GPU energy",
        f"{_SEED}: CPU and RAM 'approximately 30% greater than GPU', read as 0.30 x GPU (it could mean 1.3 x)",
    )
    yield Factor("network_storage_share", None, "of GPU energy", "arXiv 2501.14334, table 1, has figures; set your own")
    yield Factor("pue", 1.54, "total over IT energy", _UPTIME)
    yield Factor(
        "co2_g_per_kwh", grid and grid.g_per_kwh, "g CO2e per kWh", f"{grid.source}, {_SEED}" if grid else none
    )
    yield Factor("wue_site_l_per_kwh", water and water[0], "l per kWh of IT energy", _LBNL if water else none)
    yield Factor("wue_grid_l_per_kwh", water and water[1], "l per kWh of electricity", _LBNL if water else none)
    yield Factor("adpe_kg_sb_per_kwh", mix and mix.adpe_kg_sb_per_kwh, "kg Sb eq per kWh", _ADEME if mix else none)
    yield Factor(
        "primary_energy_mj_per_kwh", mix and mix.primary_energy_mj_per_kwh, "MJ per kWh", _ADEME if mix else none
    )
    yield Factor("server_co2_kg", 3000.0, "kg CO2e per server without GPUs", _ECOLOGITS)
    yield Factor("server_adpe_kg_sb", 0.24, "kg Sb eq per server without GPUs", _ECOLOGITS)
    yield Factor("server_primary_energy_mj", 38000.0, "MJ per server without GPUs", _ECOLOGITS)
    yield Factor("gpu_co2_kg", 143.0, "kg CO2e per GPU", _ECOLOGITS)
    yield Factor("gpu_adpe_kg_sb", 5.1e-3, "kg Sb eq per GPU", _ECOLOGITS)
    yield Factor("gpu_primary_energy_mj", 1828.0, "MJ per GPU", _ECOLOGITS)
    yield Factor("gpus_per_server", 8.0, "GPUs", _ECOLOGITS)
    yield Factor("hardware_lifetime_years", 5.0, "years", _ECOLOGITS)
