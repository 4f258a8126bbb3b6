"""When the run itself stood still: stopped by a signal, frozen by its cgroup, on a machine that slept or was paused."""

import threading
import time
from dataclasses import dataclass
from typing import Self

# Between two signs of life. A busy machine delays one by a few tenths of a second.
_BEAT_S = 0.25
# Our choice: 1 s of a 10 s window at a quarter of its power is 2.5 % of its energy.
STALL_S = 1.0


@dataclass(frozen=True)
class ClockReading:
    """How far the clocks that go on while the machine sleeps are ahead of the monotonic one, in s.

    ``boot_s`` is for CLOCK_BOOTTIME, which counts suspended time; None if the system has none. ``wall_s`` is for the
    wall clock, which is set right after a virtual machine was paused.
    """

    boot_s: float | None
    wall_s: float

    @classmethod
    def now(cls) -> Self:
        """Read all clocks."""
        monotonic_s = time.clock_gettime(time.CLOCK_MONOTONIC)
        boot = getattr(time, "CLOCK_BOOTTIME", None)
        boot_s = None if boot is None else time.clock_gettime(boot) - monotonic_s
        return cls(boot_s=boot_s, wall_s=time.clock_gettime(time.CLOCK_REALTIME) - monotonic_s)

    def lost_s(self, earlier: "ClockReading") -> float:
        """Return how long the machine stood still since ``earlier`` unseen by the monotonic clock, in s."""
        boot_s = 0.0 if self.boot_s is None or earlier.boot_s is None else self.boot_s - earlier.boot_s
        return max(boot_s, self.wall_s - earlier.wall_s)


class StallWatch:
    """A thread that gives a sign of life four times a second, whatever is measured; a gap is a stall of the process.

    Suspended machines are told by their clocks instead. A server that stands still is told by its queries, which take
    longer than before.
    """

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="stall-watch", daemon=True)
        self._gaps: list[tuple[float, float]] = []
        self._last_s = time.monotonic()

    def __enter__(self) -> Self:
        self._last_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def longest_stall_s(self, start_s: float, end_s: float) -> float:
        """Return the longest stall that touches ``start_s`` to ``end_s``, in s; 0 if there was none.

        The times are those of ``time.monotonic``. A gap that has not ended yet counts too.
        """
        open_gap = (self._last_s, time.monotonic())
        return max(
            (to_s - from_s for from_s, to_s in [*self._gaps, open_gap] if _is_stall(from_s, to_s, start_s, end_s)),
            default=0.0,
        )

    def _beat(self) -> None:
        while not self._stopping.wait(_BEAT_S):
            now_s = time.monotonic()
            if now_s - self._last_s >= STALL_S:
                self._gaps.append((self._last_s, now_s))
            self._last_s = now_s


def _is_stall(from_s: float, to_s: float, start_s: float, end_s: float) -> bool:
    return to_s - from_s >= STALL_S and from_s < end_s and to_s > start_s
