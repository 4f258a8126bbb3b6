"""CPU time that the GPU sampler's thread takes per sample, beside a thread that asks pynvml the same and keeps nothing.

Both run over the simulated NVML, whose answers cost next to nothing: what is judged is our own work around them. At the
default period the share of one core is told too. Run: python -m benchmarks.sampler_cost [--rounds 10]; needs gcc.
"""

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.side_by_side import Ratio, is_kept, samples_in_turn
from energy_score.engine.meters.sampler import GpuSampler
from energy_score.shared.gpu.nvml_devices import NvmlDevices, open_nvml_devices
from tests.nvml_simulator.simulator import REPOSITORY, NvmlSimulator

# By the period in s and the time in s over which a thread is watched: in quick succession, and at the default period.
WATCHES_S = {"without a pause": (0.0, 0.3), "at the default period": (0.1, 1.5)}
# Of the bare thread's CPU time per sample; measured on 28 November 2026 (load 5 to 11): 2.2 to 2.4, and 1.4 to 1.6.
LIMITS = {"without a pause": 3.3, "at the default period": 2.2}
_PROCESSES_EVERY_S = 1.0  # as the sampler looks for them


class BareThread:
    """A thread that asks pynvml what the sampler asks of each GPU, as often, and does nothing with the answers."""

    def __init__(self, period_s: float) -> None:
        import pynvml  # noqa: PLC0415 - only a child with the simulator on its path has a library to load

        self._nvml, self._period_s = pynvml, period_s
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._ask_until_stopped)
        self._processes_due_s = time.monotonic() + _PROCESSES_EVERY_S
        self.samples, self.cpu_s = 0, 0.0

    def start(self) -> None:
        """Start asking."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; ``cpu_s`` is then the CPU time in s that it took."""
        self._stopping.set()
        self._thread.join()

    def _ask_until_stopped(self) -> None:
        while not self._stopping.wait(self._period_s):
            self._ask()
            self.samples += 1
        self.cpu_s = time.thread_time()

    def _ask(self) -> None:
        nvml, time_s = self._nvml, time.monotonic()
        for handle in self._handles:
            nvml.nvmlDeviceGetFieldValues(handle, [(nvml.NVML_FI_DEV_POWER_INSTANT, 0)])
            nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)
            nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            nvml.nvmlDeviceGetMemoryInfo(handle)
            nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
            nvml.nvmlDeviceGetEnforcedPowerLimit(handle)
        if time_s >= self._processes_due_s:
            for handle in self._handles:
                nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)
            self._processes_due_s = time_s + _PROCESSES_EVERY_S


def sampler_cpu_s(devices: NvmlDevices, period_s: float, watch_s: float) -> float:
    """CPU time in s per sample of the sampler's thread."""
    sampler = GpuSampler(devices, period_s=period_s, seed=42)
    sampler.start()
    start_s = time.monotonic()  # the first sample is the caller's, not the thread's
    time.sleep(watch_s)
    sampler.stop()
    conditions = sampler.conditions((), [(start_s, time.monotonic())])
    return sampler.cpu_s / conditions[0].sample_count


def bare_cpu_s(period_s: float, watch_s: float) -> float:
    """CPU time in s per sample of the bare thread."""
    bare = BareThread(period_s)
    bare.start()
    time.sleep(watch_s)
    bare.stop()
    return bare.cpu_s / bare.samples


def measure_here(rounds: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds per sample of both threads, taken in turn, by kind of watch."""
    with open_nvml_devices() as devices:
        found = {}
        for name, (period_s, watch_s) in WATCHES_S.items():
            measures = {
                "sampler": functools.partial(sampler_cpu_s, devices, period_s, watch_s),
                "bare": functools.partial(bare_cpu_s, period_s, watch_s),
            }
            found[name] = samples_in_turn(measures, rounds)
        return found


def main() -> int:
    """Print the figures and the verdicts; 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure_here(arguments.rounds)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        simulator = NvmlSimulator(Path(folder))
        if simulator.compiler is None:
            print("skipped: gcc is not installed, and the simulated NVML cannot be built")
            return 0
        simulator.build()
        command = [sys.executable, "-m", "benchmarks.sampler_cost", "--measure", "--rounds", str(arguments.rounds)]
        child = subprocess.run(
            command, cwd=REPOSITORY, env=simulator.environment(), check=True, stdout=subprocess.PIPE, text=True
        )
    found: dict[str, dict[str, list[float]]] = json.loads(child.stdout)
    kept = []
    for name, samples_s in found.items():
        period_s, _ = WATCHES_S[name]
        for which, values_s in samples_s.items():
            cpu_s = statistics.median(values_s)
            share = f", {cpu_s / period_s:.2%} of one core" if period_s else ""
            print(f"{name}, {which}: {1e6 * cpu_s:.0f} us CPU a sample{share}")
        ratio = Ratio.of(samples_s["sampler"], samples_s["bare"])
        kept.append(is_kept(name, ratio, peer="the bare thread", limit=LIMITS[name]))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
