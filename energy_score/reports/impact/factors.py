"""The factors of the impact estimates in one table, each with its unit and source; a user may give others."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from energy_score.contract.errors import UsageError
from energy_score.contract.grid import GRID_FACTORS

# Changed with any value below, so that an estimate says which table it was made with.
VERSION = "2026-11"

_SEED = "AI Energy Score documentation, Estimating Additional Environmental Impacts"
_ADEME = f"ADEME Base Empreinte, in {_SEED}"
_ECOLOGITS = "EcoLogits, LLM inference methodology: 8 GPUs of the A100 generation to a server, 5 years"
# (2nd): seen in secondary quotations only.
_LBNL = "LBNL, 2024 United States Data Center Energy Usage Report, US average of 2023 (2nd)"
_UPTIME = "Uptime Institute, Global Data Center Survey 2025, average (2nd)"


class Factor(NamedTuple):
    """``value`` in ``unit``, None where no source gives one, and then whatever needs it is left out and said."""

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
# Litres per kWh at the site, and for the electricity that it draws.
_WATER = {"usa": (0.36, 4.52)}

KNOWN_REGIONS = tuple(dict.fromkeys((*_REGIONS, *GRID_FACTORS)))


def factors_of(region: str, changes: Mapping[str, float] | None = None) -> dict[str, Factor]:
    """Every factor by name for ``region``, those in ``changes`` with the value given there.

    Raises:
        UsageError: the region or a factor is not known, or a value cannot be one.
    """
    key = region.strip().lower()
    if key not in KNOWN_REGIONS:
        raise UsageError(f"region {region!r} is not one of {', '.join(KNOWN_REGIONS)}")
    table = {factor.name: factor for factor in _table(key)}
    for name, value in (changes or {}).items():
        if name not in table:
            raise UsageError(f"factor {name!r} is not one of {', '.join(table)}")
        least = 1.0 if name == "pue" else 0.0
        if not least <= value < float("inf"):
            raise UsageError(f"factor {name}={value}: valid is a number from {least:g}")
        table[name] = table[name]._replace(value=value, source="given by the user")
    return table


def parse_changes(texts: Iterable[str]) -> dict[str, float]:
    """The changes that texts like ``pue=1.1`` name.

    Raises:
        UsageError: one of them is no such text.
    """
    changes = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            changes[name.strip()] = float(number)
        except ValueError:
            raise UsageError(f"{text!r}: valid is NAME=NUMBER, as pue=1.1") from None
    return changes


def _table(region: str) -> Iterable[Factor]:
    grid, mix, water = GRID_FACTORS.get(region), _REGIONS.get(region), _WATER.get(region)
    none = f"no source here has one for {region}; give your own"
    yield Factor(
        "cpu_ram_share", 0.30, "of GPU energy",
        f"{_SEED}: CPU and RAM 'approximately 30% greater than GPU', read as 0.30 x GPU (it could mean 1.3 x)",
    )  # fmt: skip
    yield Factor(
        "network_storage_share", None, "of GPU energy", "arXiv 2501.14334, table 1, has figures; give your own"
    )
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
    yield Factor("server_co2_kg", 3000.0, "kg CO2e a server without GPUs", _ECOLOGITS)
    yield Factor("server_adpe_kg_sb", 0.24, "kg Sb eq a server without GPUs", _ECOLOGITS)
    yield Factor("server_primary_energy_mj", 38000.0, "MJ a server without GPUs", _ECOLOGITS)
    yield Factor("gpu_co2_kg", 143.0, "kg CO2e a GPU", _ECOLOGITS)
    yield Factor("gpu_adpe_kg_sb", 5.1e-3, "kg Sb eq a GPU", _ECOLOGITS)
    yield Factor("gpu_primary_energy_mj", 1828.0, "MJ a GPU", _ECOLOGITS)
    yield Factor("gpus_per_server", 8.0, "GPUs", _ECOLOGITS)
    yield Factor("hardware_lifetime_years", 5.0, "years", _ECOLOGITS)
