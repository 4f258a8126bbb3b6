"""The counter meter's own decisions, on devices that say what a test tells them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from energy_score.contract.errors import MeterError
from energy_score.engine.meters import nvml
from energy_score.engine.meters.nvml import NvmlMeter
from energy_score.shared.gpu.nvml_devices import NvmlDevices


class ToldDevices:
    """One GPU whose counter returns ``values`` in turn, the last one forever; None means an NVML error."""

    uuids = ("GPU-a",)
    gpus = ()
    simulated = False

    def __init__(self, *values: int | None) -> None:
        self._values: Iterator[int | None] = iter(values)
        self._last: int | None = None

    def energy_mj(self, uuid: str) -> int:
        self._last = next(self._values, self._last)
        if self._last is None:
            raise MeterError(f"{uuid}: lost")
        return self._last

    def power_w(self, uuid: str) -> float | None:
        return None


def meter_on(*values: int | None) -> NvmlMeter:
    return NvmlMeter(cast("NvmlDevices", ToldDevices(*values)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Time that passes only in sleep; ``held_up`` are the sleeps, by number, that take 10 ms longer."""
    clock = SimpleNamespace(now_s=0.0, sleeps=0, held_up=set())

    def sleep(duration_s: float) -> None:
        clock.sleeps += 1
        clock.now_s += duration_s + (0.01 if clock.sleeps in clock.held_up else 0)

    monkeypatch.setattr(nvml, "time", SimpleNamespace(monotonic=lambda: clock.now_s, sleep=sleep))
    return clock


def test_a_tick_lies_midway_between_the_polls_around_it(clock: Any) -> None:
    reading = meter_on(1000, 1000, 1000, 2000).read_at_tick()
    assert reading.energy_j == {"GPU-a": 2.0}
    assert reading.tick_s == {"GPU-a": pytest.approx(0.00125)}


def test_a_tick_met_by_a_held_up_poll_is_let_go_for_the_next(clock: Any) -> None:
    clock.held_up = {1}
    reading = meter_on(1000, 2000, 2000, 3000).read_at_tick()
    assert reading.energy_j == {"GPU-a": 3.0}
    assert reading.tick_s == {"GPU-a": pytest.approx(0.01125)}


def test_where_no_further_tick_comes_in_time_the_blunt_one_is_taken(clock: Any) -> None:
    clock.held_up = {1}
    reading = meter_on(1000, 2000).read_at_tick()
    assert reading.energy_j == {"GPU-a": 2.0}
    assert reading.tick_s == {"GPU-a": pytest.approx(0.00525)}
    assert reading.faults == {}


def test_a_counter_that_comes_back_while_it_is_watched_has_not_ticked(clock: Any) -> None:
    reading = meter_on(None, 1000, 2000).read_at_tick()
    assert reading.tick_s == {"GPU-a": pytest.approx(0.00075)}


def test_a_lost_counter_is_not_waited_for(clock: Any) -> None:
    reading = meter_on(1000, None).read_at_tick()
    assert reading.faults == {"GPU-a": "counter_lost"}
    assert clock.now_s < 0.002


def test_a_frozen_counter_of_a_gpu_that_does_not_say_its_power_is_a_fault(clock: Any) -> None:
    reading = meter_on(1000).read_at_tick()
    assert reading.faults == {"GPU-a": "counter_frozen"}
    assert clock.now_s == pytest.approx(2.0, abs=0.001)


def test_a_counter_read_by_a_poll_that_was_held_up_afterwards_gets_one_more_chance(clock: Any) -> None:
    class HeldUpDevices(ToldDevices):
        """Gives the second value, then takes a second: longer than a tick is waited for before it is late."""

        reads = 0

        def energy_mj(self, uuid: str) -> int:
            energy_mj = super().energy_mj(uuid)
            self.reads += 1
            clock.now_s += 1.0 if self.reads == 2 else 0.0
            return energy_mj

    reading = NvmlMeter(cast("NvmlDevices", HeldUpDevices(1000, 1000, 2000))).read_at_tick()
    assert (reading.energy_j, reading.faults) == ({"GPU-a": 2.0}, {})


def test_a_reset_is_told_once_by_immediate_readings_too() -> None:
    meter = meter_on(5000, 1000, 2000)
    assert [meter.read().faults for _ in range(3)] == [{}, {"GPU-a": "counter_reset"}, {}]
