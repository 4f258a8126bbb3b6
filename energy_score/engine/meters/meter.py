"""What every energy meter offers to the measurement."""

from typing import Protocol

from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading


class Meter(Protocol):
    """A cumulative energy meter over one or more devices. A difference of two readings is a window's energy."""

    @property
    def source(self) -> EnergySource:
        """What kind of figure the readings are."""

    @property
    def domain(self) -> Domain:
        """Whether the devices are GPUs or the CPU side."""

    @property
    def description(self) -> str:
        """One line for the report and the log: what is read, from which devices."""

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs behind the readings; empty for CPU meters."""

    def read(self) -> MeterReading:
        """Cumulative energy in J of each device since an arbitrary start.

        Raises:
            MeterError: the device stopped giving readings.
        """

    def close(self) -> None:
        """Release the device."""
