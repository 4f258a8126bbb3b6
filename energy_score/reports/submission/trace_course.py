"""The power trace of one GPU during a run: find the place of a window in it, and the samples for its conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from energy_score.contract.run_report import GpuConditions

_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]

# The report's integral uses 32-bit powers at exact times, the trace has rounded ones (W to three decimals, s to
# four). Windows can overlap, and the report's mean and peak can differ, by that much.
_ROUNDING = 1e-3
_ROUNDING_S = 1e-3
_ROUNDING_W = 1e-3
# The engine holds a power value for five periods after its sample, also across the end of a window (its sampler). A
# run that ended before its second sample had a period of 0.1 s.
_HELD_PERIODS = 5
_LEAST_PERIOD_S = 0.1
_POINTS_AT_A_TIME = 512


@dataclass(frozen=True)
class Course:
    """Samples in order of time; NaN if unknown. ``energy_j`` is counted from the first sample.

    A power value holds until the next known one, as ``held_w``. ``reasons`` are positions in ``names``.
    """

    times_s: _Numbers
    powers_w: _Numbers
    clocks_mhz: _Numbers
    temperatures_c: _Numbers
    memory_mib: _Numbers
    reasons: NDArray[np.int64]
    names: Sequence[frozenset[str]]
    held_w: _Numbers
    energy_j: _Numbers

    @classmethod
    def of(
        cls,
        *,
        times_s: Sequence[float],
        powers_w: Sequence[float],
        clocks_mhz: Sequence[float],
        temperatures_c: Sequence[float],
        memory_mib: Sequence[float],
        reasons: Sequence[int],
        names: Sequence[frozenset[str]],
    ) -> Self:
        """Return the trace built from the samples."""
        times, powers = np.asarray(times_s, float), np.asarray(powers_w, float)
        known = np.maximum.accumulate(np.where(np.isnan(powers), -1, np.arange(len(powers))))
        held = np.where(known < 0, 0.0, np.nan_to_num(powers)[known]) if len(powers) else powers
        energy = np.concatenate([[0.0], np.cumsum(held[:-1] * np.diff(times))]) if len(powers) else powers
        return cls(
            times_s=times,
            powers_w=powers,
            clocks_mhz=np.asarray(clocks_mhz, float),
            temperatures_c=np.asarray(temperatures_c, float),
            memory_mib=np.asarray(memory_mib, float),
            reasons=np.asarray(reasons, np.int64),
            names=names,
            held_w=held,
            energy_j=energy,
        )

    @property
    def longest_gap_s(self) -> float:
        """Return the longest time without a known power; infinite if the first sample or all of them lack it."""
        if not len(self.times_s) or np.isnan(self.powers_w[0]):
            return float("inf")
        known_s = self.times_s[~np.isnan(self.powers_w)]
        return float(np.max(np.diff(known_s, prepend=self.times_s[0], append=self.times_s[-1])))

    @property
    def end_s(self) -> float:
        """Return how long the last power value may be held."""
        if not len(self.times_s):
            return 0.0
        period_s = max(_LEAST_PERIOD_S, float(np.max(np.diff(self.times_s), initial=0.0)))
        return float(self.times_s[-1]) + _HELD_PERIODS * period_s

    def find_place(self, duration_s: float, energy_j: float, *, begin_s: float, end_s: float) -> float | None:
        """Return the earliest time from ``begin_s`` at which ``duration_s`` with ``energy_j`` can start, or None.

        They end by ``end_s``. Using the earliest place for each window of a series never leaves a later one without a
        place.
        """
        if not len(self.times_s):
            return None
        tolerance_j = _ROUNDING * energy_j + _ROUNDING_S * float(np.max(self.held_w))
        begin_s, latest_s = max(begin_s - _ROUNDING_S, 0.0), end_s - duration_s + _ROUNDING_S
        while begin_s <= latest_s:
            points_s = self._points(begin_s, latest_s, duration_s)
            off_j = self._energy_until(points_s + duration_s) - self._energy_until(points_s) - energy_j
            if abs(off_j[0]) <= tolerance_j:
                return float(points_s[0])
            # Between two points the energy is linear in time, and is close at the edge of the tolerance.
            edge_j = np.copysign(tolerance_j, off_j[:-1])
            shares = (off_j[:-1] - edge_j) / np.where(np.diff(off_j) == 0, np.inf, -np.diff(off_j))
            meets = (shares > 0) & (shares <= 1)
            if meets.any():
                at = int(np.argmax(meets))
                return float(points_s[at] + shares[at] * (points_s[at + 1] - points_s[at]))
            if not begin_s < points_s[-1] < latest_s:
                return None
            begin_s = float(points_s[-1])
        return None

    def span_like(self, seen: GpuConditions) -> tuple[float, float] | str:
        """Return the time span of the samples that match ``seen``, or text that says what does not match.

        The span is from the sample before the earliest match to the one after the
        latest.
        """
        count = seen.sample_count
        if not 0 < count <= len(self.times_s):
            return f"{len(self.times_s)} samples, but the report counts {count}"
        if seen.peak_power_w is not None and not (self.powers_w >= seen.peak_power_w - _ROUNDING_W).any():
            return f"at most {np.nanmax(self.powers_w, initial=0.0):g} W, but the report says {seen.peak_power_w:g} W"
        begins = np.ones(len(self.times_s) - count + 1, bool)
        for words, fits in self._alike(seen):
            begins &= fits
            if not begins.any():
                return f"no {count} consecutive samples match the report: {words}"
        first, last = int(np.argmax(begins)), int(np.max(np.nonzero(begins)))
        end_s = self.end_s if last + count == len(self.times_s) else float(self.times_s[last + count])
        return float(self.times_s[max(0, first - 1)]), end_s

    def _alike(self, seen: GpuConditions) -> Iterator[tuple[str, _Flags]]:
        """Yield each condition in ``seen`` as text, with the samples at which a matching series can start."""
        count = seen.sample_count
        known = ~np.isnan(self.powers_w)
        if seen.mean_power_w is not None:
            sums_w, counts = _sums(np.nan_to_num(self.powers_w), count), np.maximum(_sums(known, count), 1)
            is_mean = np.abs(sums_w / counts - seen.mean_power_w) <= _ROUNDING_W
            yield f"mean power {seen.mean_power_w:g} W", is_mean
        for words, values, most, rounding in (
            ("W at most", self.powers_w, seen.peak_power_w, _ROUNDING_W),
            ("C at most", self.temperatures_c, seen.temperature_max_c, 0.0),
            ("MHz at most", self.clocks_mhz, seen.sm_clock_max_mhz, 0.0),
            ("MHz at least", -self.clocks_mhz, None if seen.sm_clock_min_mhz is None else -seen.sm_clock_min_mhz, 0.0),
            ("MiB at most", self.memory_mib, seen.memory_peak_mib, 0.0),
        ):
            if most is not None:
                is_most = _any(values >= most - rounding, count) & ~_any(values > most + rounding, count)
                yield f"{abs(most):g} {words}", is_most
        told = frozenset(seen.throttle_reasons)
        others = [at for at, names in enumerate(self.names) if not names <= told]
        yield f"throttled by {', '.join(sorted(told)) or 'nothing'}", ~_any(np.isin(self.reasons, others), count)
        for reason in sorted(told):
            those = [at for at, names in enumerate(self.names) if reason in names]
            yield f"throttled by {reason}", _any(np.isin(self.reasons, those), count)

    def _points(self, begin_s: float, latest_s: float, duration_s: float) -> _Numbers:
        """Return times from ``begin_s`` between which the energy of ``duration_s`` is linear (the first of many)."""
        upper_s = latest_s
        for shift_s in (0.0, duration_s):
            at = int(np.searchsorted(self.times_s, begin_s + shift_s, side="right")) + _POINTS_AT_A_TIME
            if at < len(self.times_s):
                upper_s = min(upper_s, float(self.times_s[at]) - shift_s)
        parts = [np.array([begin_s])]
        for shift_s in (0.0, duration_s):
            low, high = np.searchsorted(self.times_s, [begin_s + shift_s, upper_s + shift_s], side="right")
            parts.append(self.times_s[low:high] - shift_s)
        return np.unique(np.clip(np.concatenate([*parts, [upper_s]]), begin_s, max(begin_s, upper_s)))

    def _energy_until(self, times_s: _Numbers) -> _Numbers:
        after_s = np.maximum(0.0, times_s - self.times_s[-1])
        energy_j: _Numbers = np.interp(times_s, self.times_s, self.energy_j) + self.held_w[-1] * after_s
        return energy_j


def _sums(values: NDArray[np.float64] | _Flags, count: int) -> _Numbers:
    """Return the sum of each ``count`` consecutive values."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=float)])
    sums: _Numbers = total[count:] - total[:-count]
    return sums


def _any(flags: _Flags, count: int) -> _Flags:
    """Return whether any of each ``count`` consecutive flags is set."""
    return _sums(flags, count) > 0
