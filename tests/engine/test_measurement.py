import time

import pytest

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading
from energy_score.engine.measurement import Measurement


class SteppingMeter:
    """Two GPUs, of which the second gains twice as much at each reading."""

    source = EnergySource.REPLAY
    domain: Domain = "gpu"
    description = "stepping"
    gpus: tuple[Gpu, ...] = ()

    def __init__(self, *, last_reading: int = 1000) -> None:
        self.readings = 0
        self._last_reading = last_reading

    def read(self) -> MeterReading:
        self.readings += 1
        if self.readings > self._last_reading:
            raise MeterError("no more readings")
        return MeterReading(time_s=0.0, energy_j={"GPU-a": 10.0 * self.readings, "GPU-b": 20.0 * self.readings})

    def read_at_tick(self) -> MeterReading:
        return self.read()

    def close(self) -> None:
        """Nothing is held."""


def test_a_window_holds_the_difference_of_its_two_readings_by_device() -> None:
    measurement = Measurement([SteppingMeter()], synchronise=lambda: None)
    measurement.measure("full", lambda: None, repeat=3, counted=True, query_count=7)
    (window,) = measurement.windows
    assert window.energy_j == {"GPU-a": 10.0, "GPU-b": 20.0}
    assert (window.phase, window.repeat, window.counted, window.passes, window.query_count) == ("full", 3, True, 1, 7)
    assert measurement.energy_j("gpu") == 30.0
    assert measurement.energy_j("cpu") is None


def test_a_short_pass_is_repeated_until_the_phase_has_lasted_long_enough() -> None:
    measurement = Measurement([], synchronise=lambda: None)
    measurement.measure("full", lambda: time.sleep(0.01), min_duration_s=0.1)
    (window,) = measurement.windows
    assert window.duration_s >= 0.1
    assert 2 <= window.passes <= 10


def test_without_a_meter_a_window_has_a_duration_and_no_energy() -> None:
    measurement = Measurement([], synchronise=lambda: None)
    measurement.measure("full", lambda: None)
    (window,) = measurement.windows
    assert (window.source, window.domain, window.total_j) == (None, None, None)


def test_the_device_is_synchronised_before_each_reading() -> None:
    meter, order = SteppingMeter(), []
    measurement = Measurement([meter], synchronise=lambda: order.append(("synchronised", meter.readings)))
    measurement.measure("full", lambda: order.append(("ran", meter.readings)))
    assert order == [("synchronised", 0), ("ran", 1), ("synchronised", 1)]


def test_a_meter_that_stops_ends_the_measurement() -> None:
    measurement = Measurement([SteppingMeter(last_reading=1)], synchronise=lambda: None)
    with pytest.raises(MeterError):
        measurement.measure("full", lambda: None)
    assert measurement.windows == []
