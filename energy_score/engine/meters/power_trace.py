"""The sampled course of a run as a compressed CSV file."""

import gzip
import io
from collections.abc import Iterator, Sequence

from energy_score.engine.meters.gpu_samples import GpuSample, GpuSamples
from energy_score.shared.gpu.clock_events import clock_event_names

HEADER = "time_s,gpu,power_w,sm_clock_mhz,temperature_c,memory_mib,throttle_reasons"


def power_trace(times_s: Sequence[float], gpus: Sequence[GpuSamples]) -> bytes:
    """``power_trace.csv.gz``: one line per sample and GPU, times from the first sample, unknown cells empty.

    ``gpu`` is the position in the report's list of GPUs; throttle reasons are joined by ``|``. Deterministic: the
    compressed file holds neither its name nor its time.
    """
    content = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=content, mode="wb", mtime=0) as archive,
        io.TextIOWrapper(archive, encoding="ascii", newline="\n") as stream,
    ):
        stream.write(f"{HEADER}\n")
        stream.writelines(_lines(times_s, gpus))
    return content.getvalue()


def _lines(times_s: Sequence[float], gpus: Sequence[GpuSamples]) -> Iterator[str]:
    for time_s, samples in zip(times_s, zip(*(gpu.rows(len(times_s)) for gpu in gpus), strict=True), strict=True):
        since_first_s = f"{time_s - times_s[0]:.4f}"
        yield from (f"{since_first_s},{index},{_cells(sample)}\n" for index, sample in enumerate(samples))


def _cells(sample: GpuSample) -> str:
    power_w = "" if sample.power_w is None else f"{sample.power_w:.3f}"
    numbers = (sample.sm_clock_mhz, sample.temperature_c, sample.memory_mib)
    reasons = "|".join(clock_event_names(sample.clock_events or 0))
    return ",".join([power_w, *("" if number is None else str(number) for number in numbers), reasons])
