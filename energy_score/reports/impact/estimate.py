"""From the energy of a query to the impacts of a year: all figures are estimates that list their factors.

Source of the formulas: METHOD.md, "Further impacts"; embodied impacts: EcoLogits' amortization of server and GPUs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from energy_score.contract.run_report import EnergySource
from energy_score.reports.impact.factors import Factor
from energy_score.reports.results_table.gpu_figures import product
from energy_score.reports.results_table.result_row import ResultRow

_HOURS_PER_YEAR = 365 * 24.0
_SECONDS_PER_YEAR = 3600 * _HOURS_PER_YEAR


@dataclass(frozen=True)
class Figure:
    """One quantity for the yearly number of queries; ``value`` is None if a factor is missing. ``how`` is the formula.

    ``factors`` are the names of the factors used. Only the GPU's measured energy is not an estimate.
    """

    name: str
    value: float | None
    unit: str
    how: str
    factors: tuple[str, ...] = ()
    is_estimate: bool = True


@dataclass(frozen=True)
class Impact:
    """The impacts of one row's model for a number of queries per year."""

    row: ResultRow
    queries_per_year: float
    region: str
    figures: tuple[Figure, ...]


def estimate_impact(
    row: ResultRow, *, queries_per_year: float, region: str, factors: Mapping[str, Factor]
) -> Impact | None:
    """Return the estimates for ``queries_per_year`` queries like those of ``row``; None if no GPU energy was measured.

    ``factors`` come from ``get_factors(region)``.
    """
    if row.wh_per_1000_queries is None:
        return None
    return Impact(row, queries_per_year, region, tuple(_figures(row, queries_per_year, _Values(factors))))


class _Values:
    """Access to the factors' values by name."""

    def __init__(self, factors: Mapping[str, Factor]) -> None:
        self._factors = factors

    def __getitem__(self, name: str) -> float | None:
        return self._factors[name].value


def _figures(row: ResultRow, queries: float, factors: _Values) -> Iterator[Figure]:
    assert row.wh_per_1000_queries is not None  # noqa: S101 - estimate_impact has seen it
    gpu_kwh = row.wh_per_1000_queries / 1000 * queries / 1000
    yield Figure(
        "GPU energy",
        gpu_kwh,
        "kWh",
        f"{row.wh_per_1000_queries:.6g} Wh per 1,000 queries, measured ({row.energy_source or 'source unknown'})",
        is_estimate=False,
    )
    cpu = _cpu_and_ram(row, queries, gpu_kwh, factors)
    yield cpu
    network = product(gpu_kwh, factors["network_storage_share"])
    yield Figure("network and storage energy", network, "kWh", "share of GPU energy", ("network_storage_share",))
    without = "" if network is not None else ", without network and storage"
    it_kwh = None if cpu.value is None else gpu_kwh + cpu.value + (network or 0.0)
    total_kwh = product(it_kwh, factors["pue"])
    yield Figure("total energy", total_kwh, "kWh", f"(GPU + CPU + RAM + network + storage) x PUE{without}", ("pue",))
    co2_g = product(total_kwh, factors["co2_g_per_kwh"])
    yield Figure(
        "CO2e of electricity",
        None if co2_g is None else co2_g / 1000,
        "kg",
        "total energy x grid factor",
        ("co2_g_per_kwh",),
    )
    at_site, by_grid = (
        product(it_kwh, factors["wue_site_l_per_kwh"]),
        product(total_kwh, factors["wue_grid_l_per_kwh"]),
    )
    water = None if at_site is None or by_grid is None else at_site + by_grid
    yield Figure(
        "water",
        water,
        "l",
        "IT energy x (WUE site + PUE x WUE grid)",
        ("wue_site_l_per_kwh", "pue", "wue_grid_l_per_kwh"),
    )
    yield Figure(
        "resource depletion of electricity (ADPe)",
        product(total_kwh, factors["adpe_kg_sb_per_kwh"]),
        "kg Sb eq",
        "total energy x factor",
        ("adpe_kg_sb_per_kwh",),
    )
    yield Figure(
        "primary energy",
        product(total_kwh, factors["primary_energy_mj_per_kwh"]),
        "MJ",
        "total energy x factor",
        ("primary_energy_mj_per_kwh",),
    )
    yield from _estimate_embodied(row, queries, factors)


def _cpu_and_ram(row: ResultRow, queries: float, gpu_kwh: float, factors: _Values) -> Figure:
    """Return the measured energy if RAPL was read, otherwise a share of the GPU's energy; never the CPU estimate."""
    name = "CPU and RAM energy"
    if row.cpu_energy_wh is not None and row.cpu_energy_source == EnergySource.RAPL and row.successful_prompts:
        kwh = row.cpu_energy_wh / row.successful_prompts * queries / 1000
        return Figure(
            name,
            kwh,
            "kWh",
            "measured (rapl): the whole machine's CPU, and its RAM if RAPL has a counter for it",
            is_estimate=False,
        )
    return Figure(name, product(gpu_kwh, factors["cpu_ram_share"]), "kWh", "share of GPU energy", ("cpu_ram_share",))


def _estimate_embodied(row: ResultRow, queries: float, factors: _Values) -> Iterator[Figure]:
    """Yield the run's share of making the hardware: its time over the hardware's lifetime, for the GPUs it used."""
    share = _lifetime_share(row, queries, factors["hardware_lifetime_years"])
    per_server = factors["gpus_per_server"]
    at_a_time = "one query" if row.concurrency in (None, 1) else f"{row.concurrency} queries"
    for name, unit, kind in (
        ("embodied CO2e", "kg", "co2_kg"),
        ("embodied resource depletion (ADPe)", "kg Sb eq", "adpe_kg_sb"),
        ("embodied primary energy", "MJ", "primary_energy_mj"),
    ):
        gpu, server = factors[f"gpu_{kind}"], factors[f"server_{kind}"]
        value = None
        if share is not None and row.gpu_count and gpu is not None and server is not None and per_server:
            value = share * row.gpu_count * (gpu + server / per_server)
        yield Figure(
            name,
            value,
            unit,
            f"time over lifetime x GPUs x (GPU + its part of a server), {at_a_time} at a time",
            (f"gpu_{kind}", f"server_{kind}", "gpus_per_server", "hardware_lifetime_years"),
        )


def _lifetime_share(row: ResultRow, queries: float, lifetime_years: float | None) -> float | None:
    if row.total_duration_seconds is None or not row.successful_prompts or not lifetime_years:
        return None
    return row.total_duration_seconds / row.successful_prompts * queries / (lifetime_years * _SECONDS_PER_YEAR)
