"""Windows as Zeus measures them: ``ZeusMonitor``, or ``PowerMonitor`` where power is to be integrated.

Run in an environment with Zeus, without torch: nothing is queued on a simulated GPU that would need synchronising.
"""

import time
from collections.abc import Callable

from zeus.monitor import PowerMonitor, ZeusMonitor

from benchmarks.meter_windows.plan import Load, Plan, serve

SAMPLING_PERIOD_S = 0.1  # as it infers for a GPU whose power does not change


def by_counter() -> Callable[[Load], float | None]:
    """Energy in J of a window of the counter."""
    monitor = ZeusMonitor(gpu_indices=[0], cpu_indices=[])

    def measure(load: Load) -> float | None:
        monitor.begin_window("window", sync_execution=False)
        load()
        return float(monitor.end_window("window", sync_execution=False).total_energy)

    return measure


def by_power() -> Callable[[Load], float | None]:
    """Energy in J of a window by the integral of sampled power."""
    monitor = PowerMonitor(gpu_indices=[0], update_period=SAMPLING_PERIOD_S)

    def measure(load: Load) -> float | None:
        begin_s = time.time()
        load()
        energies_j = monitor.get_energy(begin_s, time.time())
        return None if energies_j is None else float(sum(energies_j.values()))

    return measure


def open_meter(plan: Plan) -> Callable[[Load], float | None]:
    """The measuring function that the plan asks for."""
    return by_power() if plan.by_power else by_counter()


if __name__ == "__main__":
    serve(open_meter, loggers=("zeus",))
