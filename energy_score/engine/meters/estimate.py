"""A labelled estimate of the CPU side's energy where nothing measures it; never a GPU figure.

CodeCarbon would give a similar figure, but it imports pandas, rich and click into the process that is measured.
"""

import os
import resource
import sys
import time
from pathlib import Path

from energy_score.contract.run_report import Domain, EnergySource, Gpu, MeterReading

# Green Algorithms: Lannelongue, Grealey, Inouye 2021, doi 10.1002/advs.202100707; 12 W: its value for unknown CPUs.
POWER_PER_CORE_W = 12.0
POWER_PER_MEMORY_GB_W = 0.3725

_BYTES_PER_GB = 2**30  # memory is sold in binary gigabytes
_STATM = Path("/proc/self/statm")


class EstimateMeter:
    """Energy in J = CPU seconds x 12 W per core, and resident memory integrated over time x 0.3725 W per GB.

    CPU seconds are those of this process, its threads, and its children that have been waited for. Memory is this
    process's alone, by the trapezoid between readings. Ignored: which CPU it is and its clock, idle cores, memory
    allotted but not resident, children still running and their memory, what a remote endpoint spends, disks, fans
    and the power supply; no PUE is applied.
    """

    domain: Domain = "cpu"
    source = EnergySource.ESTIMATE
    gpus: tuple[Gpu, ...] = ()
    description = (
        f"estimate from CPU seconds x {POWER_PER_CORE_W:g} W and resident memory x {POWER_PER_MEMORY_GB_W:g} W/GB "
        "(Green Algorithms)"
    )

    def __init__(self, statm: Path = _STATM) -> None:
        self._statm = statm
        self._last_time_s = time.monotonic()
        self._last_memory_gb = resident_memory_gb(statm)
        self._memory_j = 0.0

    def read(self) -> MeterReading:
        """Energy in J: ``cpu:cores`` since the process started, ``cpu:memory`` since the meter was made."""
        time_s = time.monotonic()
        memory_gb = resident_memory_gb(self._statm)
        mean_memory_gb = (self._last_memory_gb + memory_gb) / 2
        self._memory_j += mean_memory_gb * POWER_PER_MEMORY_GB_W * (time_s - self._last_time_s)
        self._last_time_s, self._last_memory_gb = time_s, memory_gb
        return MeterReading(
            time_s=time_s, energy_j={"cpu:cores": cpu_seconds() * POWER_PER_CORE_W, "cpu:memory": self._memory_j}
        )

    def read_at_tick(self) -> MeterReading:
        """As ``read``: nothing here ticks slowly enough to wait for."""
        return self.read()

    def close(self) -> None:
        """Nothing is held."""


def open_estimate_meter() -> EstimateMeter:
    """The estimate, which works everywhere."""
    return EstimateMeter()


def cpu_seconds() -> float:
    """CPU time in s, to the microsecond, of this process, its threads and its waited-for children; user and system."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def resident_memory_gb(statm: Path = _STATM) -> float:
    """Resident memory of this process in GB: now where Linux's ``statm`` says it, else its peak so far."""
    try:
        resident_pages = int(statm.read_text(encoding="ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        bytes_per_unit = 1 if sys.platform == "darwin" else 1024
        return peak * bytes_per_unit / _BYTES_PER_GB
    return resident_pages * os.sysconf("SC_PAGE_SIZE") / _BYTES_PER_GB
