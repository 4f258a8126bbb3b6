"""Readings from a file, one per call, so that everything behind a meter can be tested without a device."""

from pathlib import Path

from energy_score.contract.errors import MeterError, RecordError
from energy_score.contract.record import Record
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading


class Recording(Record):
    """The file's content: which side the devices are on, the GPUs if it is theirs, and the readings in order."""

    domain: Domain
    gpus: tuple[Gpu, ...] = ()
    readings: tuple[MeterReading, ...]


class ReplayMeter:
    """The readings of ``recording`` in order, each once. Figures of this source are never rated."""

    source = EnergySource.REPLAY

    def __init__(self, recording: Recording, *, origin: str) -> None:
        self.domain: Domain = recording.domain
        self.gpus = recording.gpus
        self.description = f"replay of {len(recording.readings)} readings from {origin}"
        self._readings = iter(recording.readings)

    def read(self) -> MeterReading:
        """The next reading, as recorded.

        Raises:
            MeterError: all have been given.
        """
        reading = next(self._readings, None)
        if reading is None:
            raise MeterError(f"{self.description}: no reading is left; record one per edge of every window")
        return reading

    def read_at_tick(self) -> MeterReading:
        """As ``read``: nothing here ticks slowly enough to wait for."""
        return self.read()

    def close(self) -> None:
        """Nothing is held."""


def open_replay_meter(file: Path) -> ReplayMeter:
    """A meter that gives the readings in ``file``, JSON of the fields of ``Recording``.

    Raises:
        MeterError: the file cannot be read, or is not a recording.
    """
    try:
        recording = Recording.read(file)
    except RecordError as error:
        raise MeterError(f"meter 'replay:{file}': {error}") from error
    return ReplayMeter(recording, origin=str(file))
