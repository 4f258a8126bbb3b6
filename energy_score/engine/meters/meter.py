"""What every energy meter offers to the measurement."""

from typing import Protocol, runtime_checkable

from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading


@runtime_checkable
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
        """Cumulative energy in J of each device since an arbitrary start, at once.

        A device whose counter gives no usable figure any more is named in the reading's ``faults``.
        """

    def read_at_tick(self) -> MeterReading:
        """As ``read``, but waiting until each counter has moved, and saying when it did; at once where none ticks."""

    def close(self) -> None:
        """Release the device."""
