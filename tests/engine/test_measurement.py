import pytest

from energy_score.contract.errors import MeterError
from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading
from energy_score.engine.measurement import Measurement
from energy_score.engine.window_figures import Work, device_figures, integral_figures


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

    def catch_up(self, power_w: float) -> None:
        """Draw ``power_w`` from now on."""
        self._energy_j += self.power_w * (self._clock.now_s - self._last_s)
        self._last_s, self.power_w = self._clock.now_s, power_w

    def read_at_tick(self) -> MeterReading:
        self._clock.sleep(self._late_s)
        now_s = self._clock.now_s
        self.catch_up(self.power_w)
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


class FaultyWindows:
    """Surroundings in which the windows of those numbers are spoilt."""

    def __init__(self, *spoilt: int) -> None:
        self._spoilt, self._number = spoilt, 0

    def look(self) -> None:
        """Nothing is watched."""

    def defects(self, measurement: Measurement, start_s: float, end_s: float) -> tuple[str, ...]:
        self._number += 1
        return ("foreign_process",) if self._number in self._spoilt else ()

    def temperature_c(self, start_s: float, end_s: float) -> dict[str, float]:
        return {"GPU-a": 50.0}


class NotedTrial:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def begin(self) -> None:
        self.calls.append("begin")

    def defects(self) -> tuple[str, ...]:
        return ()

    def undo(self) -> None:
        self.calls.append("undo")


def test_a_spoilt_window_is_measured_again_and_the_report_says_so(clock: Clock) -> None:
    trial = NotedTrial()
    measurement = Measurement([TickingMeter(clock, late_s=0)], synchronise=lambda: None, surroundings=FaultyWindows(1))
    measurement.measure("full", lambda: clock.sleep(0.2), repeat=3, counted=True, trial=trial)
    (window,) = measurement.windows
    assert window.defects == ()
    assert window.temperature_c == {"GPU-a": 50.0}
    assert measurement.counted_spans_s[0] == pytest.approx((0.2, 0.4))
    (repair,) = measurement.repairs.all()
    assert (repair.kind, repair.subject, repair.cause, repair.count) == (
        "window", "full, repeat 3", "foreign_process", 1,
    )  # fmt: skip
    assert trial.calls == ["begin", "undo", "begin"]


def test_a_lasting_defect_costs_two_repetitions_once_and_is_noted_in_every_window(clock: Clock) -> None:
    passes: list[int] = []

    def run_pass() -> None:
        passes.append(1)
        clock.sleep(0.1)

    measurement = Measurement(
        [TickingMeter(clock, late_s=0)], synchronise=lambda: None, surroundings=FaultyWindows(*range(1, 9))
    )
    for repeat in (1, 2):
        measurement.measure("full", run_pass, repeat=repeat, counted=True)
    assert len(passes) == 3 + 1
    assert [window.defects for window in measurement.windows] == [("foreign_process",), ("foreign_process",)]


@pytest.mark.parametrize("settings", [{"counted": False}, {"counted": True, "repeatable": False}])
def test_a_window_that_counts_for_nothing_or_cannot_be_had_again_is_kept(
    clock: Clock, settings: dict[str, bool]
) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0)], synchronise=lambda: None, surroundings=FaultyWindows(1))
    measurement.measure("full", lambda: clock.sleep(0.1), **settings)  # type: ignore[arg-type]
    assert measurement.repairs.all() == ()
    assert measurement.windows[0].defects == ("foreign_process",)


def test_a_counter_fault_in_one_window_is_repaired(clock: Clock) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0, faults={2: "counter_reset"})], synchronise=lambda: None)
    measurement.measure("full", lambda: clock.sleep(0.1), counted=True)
    (window,) = measurement.windows
    assert window.faults == {}
    assert window.energy_j["GPU-a"] == pytest.approx(30.0)
    assert [repair.cause for repair in measurement.repairs.all()] == ["counter_reset"]


class QueryLoop:
    """Queries of 0.3 s at 300 W between pauses at 100 W, on a ticking meter."""

    def __init__(self, clock: Clock, **settings: float) -> None:
        self.clock = clock
        self.meter = TickingMeter(clock, late_s=0.0, power_w=100.0)
        self.measurement = Measurement([self.meter], synchronise=lambda: None, **settings)  # type: ignore[arg-type]
        self.measurement.measure("idle", lambda: clock.sleep(1.0))

    def run_pass(self) -> None:
        for _ in range(10):
            self.measurement.pause_between_queries()
            self.meter.catch_up(300.0)
            self.clock.sleep(0.3)
            self.meter.catch_up(100.0)


def test_pauses_are_no_part_of_the_work_and_are_taken_off_at_idle_power(clock: Clock) -> None:
    loop = QueryLoop(clock, dither_s=0.1, seed=1)
    loop.measurement.measure("full", loop.run_pass, counted=True)
    window = loop.measurement.windows[-1]
    assert window.duration_s == pytest.approx(3.0)
    assert 0 < window.pause_s <= 0.2
    assert window.energy_j["GPU-a"] == pytest.approx(900.0)
    # Half of what the pauses draw, the one after the tick among them: at most three of 0.1 s.
    assert 0.5 * 100 * window.pause_s <= window.uncertainty_j["GPU-a"] <= 0.5 * 100 * (window.pause_s + 0.1)


def test_the_seed_decides_the_pauses(clock: Clock) -> None:
    def pause_s(seed: int) -> float:
        loop = QueryLoop(clock, dither_s=0.1, seed=seed)
        loop.measurement.measure("full", loop.run_pass, counted=True)
        return loop.measurement.windows[-1].pause_s

    assert pause_s(1) == pytest.approx(pause_s(1))
    assert pause_s(1) != pytest.approx(pause_s(2))


def test_without_dither_nothing_waits(clock: Clock) -> None:
    loop = QueryLoop(clock)
    loop.measurement.measure("full", loop.run_pass, counted=True)
    window = loop.measurement.windows[-1]
    assert window.pause_s == 0
    assert window.duration_s == pytest.approx(3.0)


def test_the_step_of_a_coarse_counter_is_part_of_the_uncertainty() -> None:
    first = MeterReading(time_s=0, energy_j={"GPU-a": 0.0}, tick_s={"GPU-a": 0.0})
    last = MeterReading(time_s=10, energy_j={"GPU-a": 3000.0}, tick_s={"GPU-a": 10.0}, resolution_j={"GPU-a": 5.0})
    figures = device_figures(first, last, Work(0.0, 0.0, 10.0), idle_w={"GPU-a": 60.0})
    assert figures["uncertainty_j"] == {"GPU-a": pytest.approx(5.0)}


def test_the_error_of_an_integral_is_that_of_the_means_of_its_batches() -> None:
    """Ten chunks of 1 s, alternately 290 and 310 W, with pauses of 0.1 s at 60 W between them."""
    pauses_s = tuple((number + 0.1 * (number - 1), number + 0.1 * number) for number in range(1, 10))
    work = Work(0.0, 0.0, 10.9, pauses_s)

    def integral_j(start_s: float, end_s: float) -> dict[str, float]:
        total_j = 0.0
        for number, (from_s, to_s) in enumerate(work.chunks_s):
            total_j += (290.0 + 20 * (number % 2)) * max(0.0, min(to_s, end_s) - max(from_s, start_s))
        for from_s, to_s in pauses_s:
            total_j += 60.0 * max(0.0, min(to_s, end_s) - max(from_s, start_s))
        return {"GPU-a": total_j}

    figures = integral_figures(integral_j, work, idle_w={"GPU-a": 60.0})
    assert figures["integral_j"] == {"GPU-a": pytest.approx(3000.0)}
    assert figures["pause_energy_j"] == {"GPU-a": pytest.approx(54.0)}
    # 10 s / sqrt(10) x the standard deviation of ten means 10 W off: 10.54 W.
    assert figures["integral_sigma_j"] == {"GPU-a": pytest.approx(10.541 * 10 / 10**0.5, rel=1e-3)}


def test_discarded_repeats_count_no_more(clock: Clock) -> None:
    measurement = Measurement([TickingMeter(clock, late_s=0)], synchronise=lambda: None)
    for repeat in (1, 2, 3):
        measurement.measure("full", lambda: clock.sleep(1.0), repeat=repeat, counted=True)
    measurement.discard([1, 2])
    assert [window.counted for window in measurement.windows] == [False, False, True]
    (span,) = measurement.counted_spans_s
    assert span == pytest.approx((2.0, 3.0))
