"""``power_trace.csv.gz`` read back: what was sampled, against what the report says that the GPU used.

The report's windows say how long they were and not when, so the trace is set against all of them together. Window by
window, the counter and the integral of the same samples are compared by the verdict's own rules.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from energy_score.contract.run_report import EnergySource, Gpu, PhaseEnergy, RunReport
from energy_score.reports.submission.findings import Finding, finding

# Half a day of eight GPUs at 10 Hz has 140 MB; a compressed file may say far more than it holds.
_MAX_BYTES = 256 * 2**20
_MAX_LINE_BYTES = 1000
# The report's integral is made of 32-bit powers at exact times, the trace's of rounded ones.
_ROUNDING = 1e-3
# The report's file says a peak to all digits, the trace to three decimals.
_ROUNDING_W = 1e-3
# A window may end after the last sample, whose power then stands for it; the engine allows five periods (its sampler).
_EDGE_PERIODS = 5


@dataclass
class _Course:
    """What the trace says of one GPU: energy in J from its first sample to its last, and what it took."""

    sample_count: int = 0
    energy_j: float = 0.0
    peak_w: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0
    longest_gap_s: float = 0.0
    _power_w: float | None = None

    def add(self, time_s: float, power_w: float | None) -> None:
        """Take in a sample; a power stands until the next one."""
        if not self.sample_count:
            self.first_s = self.last_s = time_s
        gap_s = time_s - self.last_s
        if not 0 <= gap_s < float("inf"):
            raise ValueError("its times do not rise")
        self.energy_j += (self._power_w or 0.0) * gap_s
        self.longest_gap_s = max(self.longest_gap_s, gap_s)
        self.last_s, self.sample_count = time_s, self.sample_count + 1
        if power_w is not None:
            if not 0 <= power_w < float("inf"):
                raise ValueError("a power is no number of W")
            self._power_w, self.peak_w = power_w, max(self.peak_w, power_w)


def check_power_trace(file: str, content: bytes, report: RunReport) -> Iterator[Finding]:
    """A finding for each GPU of ``report`` whose windows used what the trace does not show, or not what it shows."""
    try:
        courses = _courses(content)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError, IndexError) as error:
        yield finding(file, f"not a power trace: {type(error).__name__}: {error}")
        return
    for index, gpu in enumerate(report.hardware.gpus):
        yield from _check_gpu(file, courses.get(index, _Course()), gpu, report)


def _check_gpu(file: str, course: _Course, gpu: Gpu, report: RunReport) -> Iterator[Finding]:
    for seen in report.conditions:
        if seen.uuid == gpu.uuid and seen.sample_count > course.sample_count:
            message = f"{course.sample_count} samples of {gpu.uuid}, and the report counts {seen.sample_count}"
            yield finding(file, message)
        if seen.uuid == gpu.uuid and (seen.peak_power_w or 0.0) > course.peak_w + _ROUNDING_W:
            message = f"at most {course.peak_w:g} W of {gpu.uuid}, and the report says {seen.peak_power_w:g} W"
            yield finding(file, message, field="power_w")
    windows = [window for window in report.phases if window.domain == "gpu" and gpu.uuid in window.energy_j]
    known_j = [_integral_j(window, gpu.uuid) for window in windows]
    integrals_j = [energy_j for energy_j in known_j if energy_j is not None]
    if not integrals_j:
        return
    windows_j, windows_s = sum(integrals_j), sum(window.duration_s for window in windows)
    slack_j = _ROUNDING * course.energy_j + _EDGE_PERIODS * course.longest_gap_s * course.peak_w
    outside_j = course.energy_j - windows_j
    outside_s = max(0.0, course.last_s - course.first_s - windows_s)
    if outside_j < -slack_j:
        message = f"{course.energy_j:.1f} J of {gpu.uuid} in all, and the report's windows alone have {windows_j:.1f} J"
        yield finding(file, message, field="power_w")
    if len(integrals_j) == len(windows) and outside_j > outside_s * course.peak_w + slack_j:
        message = (
            f"{course.energy_j:.1f} J of {gpu.uuid} in all, of which the report's windows have {windows_j:.1f} J, and "
            f"the {outside_s:.1f} s outside them cannot have had the rest"
        )
        yield finding(file, message, field="power_w")


def _integral_j(window: PhaseEnergy, uuid: str) -> float | None:
    """The window's energy by sampled power, whether that is its second opinion or its figure."""
    if window.source is EnergySource.NVML_POWER:
        return window.energy_j[uuid]
    return window.integral_j.get(uuid)


def _courses(content: bytes) -> dict[int, _Course]:
    """What the trace says of each GPU, by its position; read line by line, whatever it would grow to."""
    courses: dict[int, _Course] = {}
    with gzip.GzipFile(fileobj=BytesIO(content)) as stream:
        header, size = stream.readline(_MAX_LINE_BYTES), 0
        if not header.startswith(b"time_s,gpu,power_w,"):
            raise ValueError("it does not begin with its columns")
        while line := stream.readline(_MAX_LINE_BYTES):
            size += len(line)
            if size > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES} bytes when decompressed")
            time_s, gpu, power_w, *_ = line.decode("ascii").split(",")
            courses.setdefault(int(gpu), _Course()).add(float(time_s), float(power_w) if power_w else None)
    return courses
