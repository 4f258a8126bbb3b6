"""Samples of one GPU in compact arrays, with the running integral of their power.

A sample takes 22 bytes, and its time 8 more for all GPUs together: 12 h at 10 Hz of 8 GPUs take 80 MB, up to an eighth
more with the room that arrays keep for growth. Nothing is ever thinned out, so that an integral never changes.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from energy_score.contract.run_report import GpuConditions
from energy_score.shared.gpu.clock_events import clock_event_names

_NO_CLOCK, _NO_TEMPERATURE, _NO_MEMORY, _NO_MASK = 0xFFFF, -0x8000, 0xFFFFFFFF, 0xFFFF


@dataclass(frozen=True)
class GpuSample:
    """What one GPU reported at one time; None for values that are missing. ``clock_events`` is NVML's bit mask."""

    power_w: float | None = None
    sm_clock_mhz: int | None = None
    temperature_c: int | None = None
    memory_mib: int | None = None
    clock_events: int | None = None


class GpuSamples:
    """The samples of one GPU, in order of time; ``times_s`` is shared by all GPUs and grows first."""

    def __init__(self, times_s: "array[float]") -> None:
        self._times_s = times_s
        self._power_w = array("f")
        self._integral_j = array("d")
        self._sm_clock_mhz = array("H")
        self._temperature_c = array("h")
        self._memory_mib = array("I")
        self._clock_events = array("H")
        self._held_w = math.nan
        self._known_at_s = math.nan
        self._longest_hold_s = math.nan
        self._gaps: list[tuple[float, float, float]] = []

    def append(self, sample: GpuSample, *, longest_hold_s: float) -> None:
        """Keep ``sample``, taken at the last of ``times_s``; a power stands for at most ``longest_hold_s``."""
        time_s = self._times_s[-1]
        integral_j = self._integral_j[-1] if self._integral_j else 0.0
        if not math.isnan(self._held_w):
            integral_j += self._held_w * (time_s - self._times_s[-2])
        self._integral_j.append(integral_j)
        self._power_w.append(math.nan if sample.power_w is None else sample.power_w)
        if sample.power_w is not None:
            if not time_s - self._known_at_s <= longest_hold_s:
                start_s = -math.inf if math.isnan(self._known_at_s) else self._known_at_s
                self._gaps.append((start_s, time_s, longest_hold_s))
            self._held_w, self._known_at_s = self._power_w[-1], time_s
        self._longest_hold_s = longest_hold_s
        self._sm_clock_mhz.append(_NO_CLOCK if sample.sm_clock_mhz is None else sample.sm_clock_mhz)
        self._temperature_c.append(_NO_TEMPERATURE if sample.temperature_c is None else sample.temperature_c)
        self._memory_mib.append(_NO_MEMORY if sample.memory_mib is None else sample.memory_mib)
        self._clock_events.append(_NO_MASK if sample.clock_events is None else sample.clock_events & 0x7FFF)

    def integral_j(self, start_s: float, end_s: float) -> float | None:
        """Energy in J from ``start_s`` to ``end_s``: each power stands until the next sample, across the edges too.

        None if a power would have to hold for longer than the longest hold, or none was known.
        """
        if math.isnan(self._known_at_s) or end_s - self._known_at_s > self._longest_hold_s:
            return None
        for gap_start_s, gap_end_s, longest_hold_s in self._gaps:
            if start_s < gap_end_s and min(end_s, gap_end_s) - gap_start_s > longest_hold_s:
                return None
        return self._cumulative_j(end_s) - self._cumulative_j(start_s)

    def span(self, start_s: float, end_s: float) -> range:
        """The positions of the samples from ``start_s`` to ``end_s``."""
        return range(bisect_left(self._times_s, start_s), bisect_right(self._times_s, end_s))

    def last_power_w(self) -> float | None:
        """The power of the last sample in W; None if it had none."""
        return None if not self._power_w or math.isnan(self._power_w[-1]) else self._power_w[-1]

    def conditions(self, uuid: str, start_s: float, end_s: float) -> GpuConditions:
        """What the samples from ``start_s`` to ``end_s`` tell of their GPU; what others know of it is left to them."""
        span = self.span(start_s, end_s)
        powers_w, clocks_mhz = self.powers_w(span), self.sm_clocks_mhz(span)
        return GpuConditions(
            uuid=uuid,
            sample_count=len(span),
            mean_power_w=sum(powers_w) / len(powers_w) if powers_w else None,
            peak_power_w=max(powers_w, default=None),
            temperature_max_c=max(self.temperatures_c(span), default=None),
            sm_clock_min_mhz=min(clocks_mhz, default=None),
            sm_clock_max_mhz=max(clocks_mhz, default=None),
            memory_peak_mib=max(self.memory_mib(span), default=None),
            throttle_reasons=clock_event_names(self.clock_events(span)),
        )

    def powers_w(self, span: range) -> list[float]:
        """The known powers in ``span``, in W."""
        return [power_w for power_w in self._power_w[span.start : span.stop] if not math.isnan(power_w)]

    def sm_clocks_mhz(self, span: range) -> list[int]:
        """The known clocks in ``span``, in MHz."""
        return [clock for clock in self._sm_clock_mhz[span.start : span.stop] if clock != _NO_CLOCK]

    def temperatures_c(self, span: range) -> list[int]:
        """The known temperatures in ``span``, in degrees Celsius."""
        return [value for value in self._temperature_c[span.start : span.stop] if value != _NO_TEMPERATURE]

    def memory_mib(self, span: range) -> list[int]:
        """The known memory in use in ``span``, in MiB."""
        return [value for value in self._memory_mib[span.start : span.stop] if value != _NO_MEMORY]

    def clock_events(self, span: range) -> int:
        """All clock event bits seen in ``span``."""
        mask = 0
        for bits in set(self._clock_events[span.start : span.stop]) - {_NO_MASK}:
            mask |= bits
        return mask

    def rows(self, count: int) -> Iterator[GpuSample]:
        """The first ``count`` samples."""
        for at in range(count):
            power_w, clock, memory = self._power_w[at], self._sm_clock_mhz[at], self._memory_mib[at]
            temperature, events = self._temperature_c[at], self._clock_events[at]
            yield GpuSample(
                power_w=None if math.isnan(power_w) else power_w,
                sm_clock_mhz=None if clock == _NO_CLOCK else clock,
                temperature_c=None if temperature == _NO_TEMPERATURE else temperature,
                memory_mib=None if memory == _NO_MEMORY else memory,
                clock_events=None if events == _NO_MASK else events,
            )

    def _cumulative_j(self, time_s: float) -> float:
        at = bisect_right(self._times_s, time_s) - 1
        power_w = self._last_known_w(at)
        return self._integral_j[at] + power_w * (time_s - self._times_s[at])

    def _last_known_w(self, at: int) -> float:
        while math.isnan(self._power_w[at]):
            at -= 1
        return self._power_w[at]
