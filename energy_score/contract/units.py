"""Unit conversions of the method, in one place."""

from typing import overload

JOULES_PER_WH = 3600.0


@overload
def watt_hours(energy_j: float) -> float: ...
@overload
def watt_hours(energy_j: None) -> None: ...
def watt_hours(energy_j: float | None) -> float | None:
    """Return the energy in Wh for ``energy_j`` joules; None (unknown) stays None."""
    return None if energy_j is None else energy_j / JOULES_PER_WH
