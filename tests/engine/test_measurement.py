import pytest

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading
from energy_score.engine.measurement import Measurement


class Clock:
    """Time that passes in ``sleep`` alone."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The measurement's clock."""
    clock = Clock()
    monkeypatch.setattr("energy_score.engine.measurement.time", clock)
    return clock


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


def test_a_short_pass_is_repeated_until_the_phase_has_lasted_long_enough(clock: Clock) -> None:
    measurement = Measurement([], synchronise=lambda: None)
    measurement.measure("full", lambda: clock.sleep(0.03), min_duration_s=0.1)
    (window,) = measurement.windows
    assert window.duration_s == pytest.approx(0.12)
    assert window.passes == 4


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


def test_work_that_is_still_queued_belongs_to_the_window_until_the_device_is_synchronised(clock: Clock) -> None:
    measurement = Measurement([], synchronise=lambda: clock.sleep(0.05))
    measurement.measure("full", lambda: None)
    (window,) = measurement.windows
    assert window.duration_s >= 0.05


def test_a_meter_that_stops_ends_the_measurement() -> None:
    measurement = Measurement([SteppingMeter(last_reading=1)], synchronise=lambda: None)
    with pytest.raises(MeterError):
        measurement.measure("full", lambda: None)
    assert measurement.windows == []


class TickingMeter(SteppingMeter):
    """One GPU at 300 W, whose counter is read ``late_s`` after each edge asks for it."""

    def __init__(
        self, clock: Clock, *, late_s: float, power_w: float = 300.0, faults: dict[int, str] | None = None
    ) -> None:
        super().__init__()
        self.power_w = power_w
        self._clock, self._late_s = clock, late_s
        self._energy_j, self._last_s = 0.0, clock.now_s
        self._faults = faults or {}

    def read_at_tick(self) -> MeterReading:
        self._clock.sleep(self._late_s)
        now_s = self._clock.now_s
        self._energy_j += self.power_w * (now_s - self._last_s)
        self._last_s = now_s
        self.readings += 1
        fault = self._faults.get(self.readings)
        return MeterReading(
            time_s=now_s,
            energy_j={} if fault else {"GPU-a": self._energy_j},
            tick_s={} if fault else {"GPU-a": now_s},
            faults={"GPU-a": fault} if fault else {},
        )


def test_what_lies_between_work_and_tick_is_taken_off_and_is_the_stated_uncertainty(clock: Clock) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0.02)], synchronise=lambda: None)
    measurement.measure("full", lambda: clock.sleep(0.2))
    (window,) = measurement.windows
    assert window.energy_j["GPU-a"] == pytest.approx(300 * window.duration_s)
    assert window.uncertainty_j["GPU-a"] == pytest.approx(300 * 0.02)


def test_once_idle_power_is_known_it_is_taken_off_outside_the_work(clock: Clock) -> None:
    meter = TickingMeter(clock, late_s=0.05, power_w=100.0)
    measurement = Measurement([meter], synchronise=lambda: None)
    measurement.measure("idle", lambda: clock.sleep(0.1))
    assert measurement.idle_power_w("GPU-a") == pytest.approx(100)
    meter.power_w = 300.0
    measurement.measure("full", lambda: clock.sleep(0.2))
    full = measurement.windows[1]
    # This meter spends 300 W in the tail too, so only the idle part of the tail is gone.
    tail_s = full.uncertainty_j["GPU-a"] / 300
    assert full.energy_j["GPU-a"] == pytest.approx(300 * full.duration_s + (300 - 100) * tail_s)


def test_a_window_below_idle_power_loses_outside_its_work_no_more_than_its_own_mean(clock: Clock) -> None:
    meter = TickingMeter(clock, late_s=0.05, power_w=300.0)
    measurement = Measurement([meter], synchronise=lambda: None)
    measurement.measure("idle", lambda: clock.sleep(0.1))
    meter.power_w = 100.0
    measurement.measure("full", lambda: clock.sleep(0.2))
    full = measurement.windows[1]
    assert full.uncertainty_j["GPU-a"] > 0
    assert full.energy_j["GPU-a"] == pytest.approx(100 * full.duration_s, rel=0.01)


class NotingMeter(SteppingMeter):
    """Notes its domain in ``order`` at each reading."""

    def __init__(self, domain: Domain, order: list[str]) -> None:
        super().__init__()
        self.domain: Domain = domain
        self._order = order

    def read(self) -> MeterReading:
        self._order.append(self.domain)
        return super().read()


@pytest.mark.parametrize("domains", [("gpu", "cpu"), ("cpu", "gpu")])
def test_the_gpus_are_read_first_before_the_work_and_last_after_it(domains: tuple[Domain, Domain]) -> None:
    order: list[str] = []
    meters = [NotingMeter(domain, order) for domain in domains]
    measurement = Measurement(meters, synchronise=lambda: order.append("synchronised"))
    measurement.measure("full", lambda: order.append("work"))
    assert order == ["synchronised", "gpu", "cpu", "work", "synchronised", "cpu", "gpu"]
    assert [window.domain for window in measurement.windows] == list(domains)


def test_a_fault_of_the_closing_reading_leaves_the_device_out_and_says_why(clock: Clock) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0, faults={2: "counter_reset"})], synchronise=lambda: None)
    measurement.measure("full", lambda: None)
    measurement.measure("full", lambda: clock.sleep(0.01))
    spanning, later = measurement.windows
    assert (spanning.energy_j, spanning.faults, spanning.total_j) == ({}, {"GPU-a": "counter_reset"}, None)
    assert later.faults == {}
    assert later.energy_j["GPU-a"] > 0


def test_a_fault_of_the_opening_reading_counts_too(clock: Clock) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0, faults={1: "counter_reset"})], synchronise=lambda: None)
    measurement.measure("full", lambda: None)
    (window,) = measurement.windows
    assert (window.energy_j, window.faults, window.total_j) == ({}, {"GPU-a": "counter_reset"}, None)


def test_the_integral_is_asked_for_exactly_the_time_of_the_work(clock: Clock) -> None:
    asked: list[float] = []

    class Integral:
        def integral_j(self, start_s: float, end_s: float) -> dict[str, float]:
            asked.append(end_s - start_s)
            return {"GPU-a": 7.0}

    measurement = Measurement([TickingMeter(clock, late_s=0.02)], synchronise=lambda: None, integral=Integral())
    measurement.measure("full", lambda: clock.sleep(0.05))
    (window,) = measurement.windows
    assert window.integral_j == {"GPU-a": 7.0}
    assert asked == [pytest.approx(0.05)] == [pytest.approx(window.duration_s)]
