"""A time of its own for a child on the simulated NVML: it passes while the child sleeps, never because others are busy.

A sleep ends as late as on an idle machine, and now and then as late as where a poll had to wait for its core. How late
is drawn from a seed, so that a test over thousands of sleeps says the same on every machine. Only one thread goes on at
a time; the next one does when all of them sleep.
"""

import ctypes
import heapq
import random
import threading
import time
from types import ModuleType, SimpleNamespace

START_S = 1000.0
_LOOK_S = 2e-6  # what asking for the time takes
_LATE_S = (0.00005, 0.00015)  # how late a sleep ends
_HELD_UP_S = (0.002, 0.02)  # how late it ends where the core is taken
_HELD_UP_SHARE = 0.001


class OwnTime:
    """The time of this process; ``install`` puts it in the place of the machine's, before NVML is opened."""

    def __init__(self, *, seed: int = 0) -> None:
        self._now_s = ctypes.c_double(START_S)
        self._random = random.Random(seed)
        self._turns = threading.Lock()
        self._going_on = 1
        self._sleepers: list[tuple[float, int, threading.Lock]] = []
        self._sleeps = 0

    def install(self, *modules: ModuleType) -> None:
        """From now on this time is what ``time`` says and what the simulator sees; threads of ``modules`` take turns.

        The simulator's library must be the one that is found.
        """
        ctypes.CDLL("libnvidia-ml.so.1").nvmlSimulatorUseClock(ctypes.byref(self._now_s))
        time.monotonic, time.sleep = self.monotonic, self.sleep  # type: ignore[assignment]
        threads = SimpleNamespace(
            Lock=threading.Lock,
            Event=lambda: _Event(self),
            Thread=lambda **settings: _Thread(self, **settings),
        )
        for module in modules:
            module.threading = threads  # type: ignore[attr-defined]

    def monotonic(self) -> float:
        """The time in s."""
        self._now_s.value += _LOOK_S
        return self._now_s.value

    def sleep(self, duration_s: float, /) -> None:
        """Let the others go on, and return when ``duration_s`` has passed, or a little later."""
        asleep = threading.Lock()
        with self._turns:
            self._sleeps += 1
            wakes_s = self._now_s.value + duration_s + self._late_s()
            if self._going_on == 1 and (not self._sleepers or wakes_s < self._sleepers[0][0]):
                self._now_s.value = wakes_s  # no other thread has a turn meanwhile
                return
            asleep.acquire()
            heapq.heappush(self._sleepers, (wakes_s, self._sleeps, asleep))
            self._one_less()
        with asleep:
            """Whoever gives this one its turn releases it."""

    def one_more(self) -> None:
        """A thread begins."""
        with self._turns:
            self._going_on += 1

    def one_less(self) -> None:
        """A thread ends."""
        with self._turns:
            self._one_less()

    def _one_less(self) -> None:
        self._going_on -= 1
        if self._going_on == 0 and self._sleepers:
            wakes_s, _, asleep = heapq.heappop(self._sleepers)
            self._now_s.value = max(self._now_s.value, wakes_s)
            self._going_on = 1
            asleep.release()

    def _late_s(self) -> float:
        held_up = self._random.random() < _HELD_UP_SHARE
        return self._random.uniform(*(_HELD_UP_S if held_up else _LATE_S))


class _Event:
    """What the sampler uses of ``threading.Event``; who waits for it sees it at the end of his wait."""

    def __init__(self, own_time: OwnTime) -> None:
        self._own_time = own_time
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout_s: float) -> bool:
        self._own_time.sleep(timeout_s)
        return self._is_set


class _Thread(threading.Thread):
    """A thread that is one of those who take turns."""

    def __init__(self, own_time: OwnTime, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._own_time = own_time
        self._is_over = False

    def start(self) -> None:
        """Begin, and go on when the new thread sleeps."""
        self._own_time.one_more()
        super().start()
        self._own_time.sleep(0)

    def run(self) -> None:
        super().run()
        self._is_over = True
        self._own_time.one_less()

    def join(self, timeout: float | None = None) -> None:
        while not self._is_over:
            self._own_time.sleep(0.01)
        super().join(timeout)
