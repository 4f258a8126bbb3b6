"""Check ``power_trace.csv.gz``: compare the samples with the energies and conditions in the report.

The report has the duration and order of its windows, but not their times. So each window is searched for: after the one
before it, there must be a part of the trace with the same duration and energy. The conditions of a GPU are based on a
number of consecutive samples that the report states; these are searched for too, and the counted windows must be among
them.
"""

import gzip
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

from energy_score.contract.run_report import EnergySource, Gpu, PhaseEnergy, RunReport
from energy_score.reports.submission.findings import Finding, finding
from energy_score.reports.submission.trace_course import Course

# Half a day of eight GPUs at 10 Hz has 140 MB in 3.5 million lines; a compressed file can expand to far more.
_MAX_BYTES = 256 * 2**20
_MAX_LINES = 8_000_000
_MAX_LINE_BYTES = 1000
# Every line has its own time: the most similar, of eight idle GPUs, take two bytes each when compressed. So the size
# of a bundle limits the time to check it.
_MAX_LINES_A_BYTE = 4
_HEADER = b"time_s,gpu,power_w,sm_clock_mhz,temperature_c,memory_mib,throttle_reasons\n"
# No run is longer (30 years), and no GPU draws more; beyond it, sums would not be exact.
_MAX_TIME_S = 1e9
_MAX_POWER_W = 1e6
# The engine has no integral if a power value was held for longer than 0.5 s, five periods of its sampler; minus 1 ms
# because the trace's times are rounded.
_SURELY_HELD_S = 0.499


@dataclass
class _Samples:
    """The columns of one GPU while they are read; unknown cells are NaN."""

    times_s: "array[float]" = field(default_factory=lambda: array("d"))
    powers_w: "array[float]" = field(default_factory=lambda: array("d"))
    clocks_mhz: "array[float]" = field(default_factory=lambda: array("f"))
    temperatures_c: "array[float]" = field(default_factory=lambda: array("f"))
    memory_mib: "array[float]" = field(default_factory=lambda: array("f"))
    reasons: "array[int]" = field(default_factory=lambda: array("H"))

    def add(self, time_s: float, cells: list[str], reasons: int) -> None:
        """Add a sample."""
        if not (self.times_s[-1] if self.times_s else 0.0) <= time_s <= _MAX_TIME_S:
            raise ValueError("the times do not increase")
        power_w, clock_mhz, temperature_c, memory_mib = (float(cell) if cell else float("nan") for cell in cells)
        if cells[0] and not 0 <= power_w <= _MAX_POWER_W:
            raise ValueError("a power value is not a number of W")
        self.times_s.append(time_s)
        self.powers_w.append(power_w)
        self.clocks_mhz.append(clock_mhz)
        self.temperatures_c.append(temperature_c)
        self.memory_mib.append(memory_mib)
        self.reasons.append(reasons)


def check_power_trace(file: str, content: bytes, report: RunReport) -> Iterator[Finding]:
    """Yield a finding for each GPU of ``report`` whose trace does not match the report."""
    gpus = report.hardware.gpus
    try:
        courses = _courses(content, len(gpus))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError, IndexError, OverflowError) as error:
        yield finding(file, f"not a power trace: {type(error).__name__}: {error}")
        return
    for gpu, course in zip(gpus, courses, strict=True):
        yield from _check_gpu(file, course, gpu, report)


def _check_gpu(file: str, course: Course, gpu: Gpu, report: RunReport) -> Iterator[Finding]:
    counted_s = (0.0, course.end_s)
    for seen in report.conditions:
        if seen.uuid != gpu.uuid or not seen.sample_count:
            continue
        found = course.span_like(seen)
        if isinstance(found, str):
            yield finding(file, f"{found} of {gpu.uuid}", field="power_w" if "W" in found else "")
            return
        counted_s = found
    begin_s = 0.0
    for window in report.phases:
        if window.domain != "gpu":
            continue
        name = f"phase {window.phase}, repeat {window.repeat}"
        energy_j = _integral_j(window, gpu.uuid)
        if energy_j is None:
            if window.source is EnergySource.NVML_COUNTER and course.longest_gap_s <= _SURELY_HELD_S:
                yield finding(file, f"power is known throughout, but {name} has no integral of it", field="power_w")
                return
            begin_s += window.duration_s + window.pause_s
            continue
        first_s, last_s = counted_s if window.counted else (0.0, course.end_s)
        lasted_s = window.duration_s + window.pause_s
        place_s = course.find_place(lasted_s, energy_j, begin_s=max(begin_s, first_s), end_s=last_s)
        if place_s is None:
            message = (
                f"no {lasted_s:.1f} s of {gpu.uuid} after the windows before have the {energy_j:.1f} J that "
                f"the report says of {name}"
            )
            yield finding(file, message, field="power_w")
            return
        begin_s = place_s + lasted_s


def _integral_j(window: PhaseEnergy, uuid: str) -> float | None:
    """The window's energy by sampled power, its pauses included, whether that is its second opinion or its figure."""
    figures_j = window.energy_j if window.source is EnergySource.NVML_POWER else window.integral_j
    energy_j = figures_j.get(uuid)
    return None if energy_j is None else energy_j + window.pause_energy_j.get(uuid, 0.0)


def _courses(content: bytes, gpu_count: int) -> list[Course]:
    """Return the samples of each GPU, by its position; read line by line, because they can be large."""
    gpus = [_Samples() for _ in range(gpu_count)]
    reasons: dict[str, int] = {}
    most_lines = min(_MAX_LINES, _MAX_LINES_A_BYTE * len(content))
    with gzip.GzipFile(fileobj=BytesIO(content)) as stream:
        if stream.readline(_MAX_LINE_BYTES) != _HEADER:
            raise ValueError("it does not start with the column names")
        size = count = 0
        while line := stream.readline(_MAX_LINE_BYTES):
            size, count = size + len(line), count + 1
            if size > _MAX_BYTES or count > most_lines:
                raise ValueError(f"more than {_MAX_BYTES} bytes or {most_lines} lines when decompressed")
            time_s, gpu, *cells, seen = line.decode("ascii").rstrip("\n").split(",")
            if not 0 <= int(gpu) < gpu_count:
                raise ValueError(f"found a sample of GPU {int(gpu)}, but the run has {gpu_count}")
            gpus[int(gpu)].add(float(time_s), cells, reasons.setdefault(seen, len(reasons)))
    names = [frozenset(filter(None, seen.split("|"))) for seen in reasons]
    return [
        Course.of(
            times_s=gpu.times_s,
            powers_w=gpu.powers_w,
            clocks_mhz=gpu.clocks_mhz,
            temperatures_c=gpu.temperatures_c,
            memory_mib=gpu.memory_mib,
            reasons=gpu.reasons,
            names=names,
        )
        for gpu in gpus
    ]
