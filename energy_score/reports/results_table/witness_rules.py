"""The verdict of a run after the host check: METHOD.md, "Two witnesses".

The engine's meter gives the number. The host's reading of the same counters, from outside, can only contradict it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.reasons import invalid, warning
from energy_score.contract.run_report import EnergySource, RunReport, Verdict, VerdictReason

# Sources that a host could have measured too: a replayed run used no GPU, so there was nothing to check.
_WITNESSED_SOURCES = {EnergySource.NVML_COUNTER, EnergySource.NVML_POWER, EnergySource.SIMULATED}
# Counters count in mJ, and figures of 1e9 J are sums of binary fractions.
_ROUNDING_J = 0.01
# Outside the windows there is warm-up, which is not harder work; 10 % allow for a moment of higher power.
_POWER_MARGIN = 1.1
# Each of the host's two readings is off by up to one update of the counter, 100 ms at the slowest (METHOD.md).
_HOST_TICKS_S = 0.2


@dataclass(frozen=True)
class _GpuUse:
    """What the engine measured on one GPU in all windows, including load and idle.

    ``hottest_w`` is the highest power that it is known to have used: the highest mean of a window, or the sampled peak;
    if nothing was sampled, the power limit.
    """

    uuid: str
    energy_j: float
    uncertainty_j: float
    duration_s: float
    hottest_w: float


def reconcile(report: RunReport, witness: HostWitness | None) -> Verdict:
    """Return the report's verdict with the reasons from the host check; unchanged if the run measured no GPU.

    A missing host check is a warning, and so is one that could not identify processes. A contradiction makes the run
    invalid: a foreign process, an error of a counter, less energy over the whole run than the engine in its windows,
    more power outside the windows than in any of them, or a GPU that the engine measured and the host did not see.
    """
    if not set(_sources(report)) & _WITNESSED_SOURCES:
        return report.verdict
    reasons = tuple(_reasons(report, witness))
    rateable = report.verdict.rateable and not any(reason.severity == "invalid" for reason in reasons)
    return report.verdict.model_copy(
        update={
            "rateable": rateable,
            "comparable": report.verdict.comparable and rateable,
            "reasons": (*report.verdict.reasons, *reasons),
        }
    )


def with_concurrency(verdict: Verdict, concurrent_runs: int | None) -> Verdict:
    """Return the verdict, with a warning if other runs of ours shared the machine (but not the GPU) with this one.

    They had their own GPUs but shared a CPU, and a GPU that waits for it uses idle power.
    """
    if concurrent_runs is None or concurrent_runs <= 1:
        return verdict
    reason = warning(
        "concurrent_runs",
        "other runs on this machine shared its CPU and memory bandwidth",
        observed=f"up to {concurrent_runs} runs",
        threshold="1 run",
    )
    return verdict.model_copy(update={"reasons": (*verdict.reasons, reason)})


def _reasons(report: RunReport, witness: HostWitness | None) -> Iterator[VerdictReason]:
    if witness is None or witness.run_id != report.run_id:
        yield _no_witness("none" if witness is None else f"a host check of run {witness.run_id}")
        return
    yield from _foreign_reasons(report, witness)
    if not witness.processes_watched:
        yield warning(
            "processes_unwatched",
            "the host could not identify the processes on the run's GPUs: it runs in a container itself, or its driver "
            "does not list them",
            observed="unknown",
            threshold="the processes of the whole machine",
        )
    if witness.faults:
        yield invalid(
            "witness_fault",
            "the host's own reading of the energy counters failed during the run",
            observed=", ".join(f"{uuid}: {fault}" for uuid, fault in sorted(witness.faults.items())),
            threshold="0 faults",
        )
    if witness.source is None or witness.source not in _sources(report):
        yield _no_witness(f"host {witness.source or 'without a counter'}, engine {', '.join(_sources(report))}")
        return
    for use in _uses(report, witness.source):
        if use.uuid in witness.faults:
            continue
        reason = _energy_reason(use, witness)
        if reason is not None:
            yield reason


def _foreign_reasons(report: RunReport, witness: HostWitness) -> Iterator[VerdictReason]:
    """Invalid where another process was seen within a counted window; a warning where only outside of them."""
    spans_s = [(window.start_s, window.end_s) for window in report.phases if window.counted]
    known_s = [(start_s, end_s) for start_s, end_s in spans_s if start_s is not None and end_s is not None]
    outside = {sighting.process_id for sighting in witness.foreign_sightings} if len(known_s) == len(spans_s) else set()
    outside -= {
        sighting.process_id
        for sighting in witness.foreign_sightings
        if any(sighting.first_s <= end_s and sighting.last_s >= start_s for start_s, end_s in known_s)
    }
    within = set(witness.foreign_process_ids) - outside
    if within:
        yield invalid(
            "witness_foreign_process",
            "the host saw another compute process on the run's GPUs",
            observed=f"process {', '.join(map(str, sorted(within)))}",
            threshold="0 other compute processes",
        )
    if outside:
        yield warning(
            "witness_foreign_process_outside",
            "the host saw another compute process on the run's GPUs, outside of the counted windows",
            observed=f"process {', '.join(map(str, sorted(outside)))}",
            threshold="0 other compute processes",
        )


def _energy_reason(use: _GpuUse, witness: HostWitness) -> VerdictReason | None:
    host_j = witness.energy_j.get(use.uuid)
    if host_j is None:
        return invalid(
            "witness_gpu_missing",
            f"the engine measured {use.uuid}, which was not one of the run's GPUs",
            observed=", ".join(sorted(witness.energy_j)) or "no GPU",
            threshold=use.uuid,
        )
    outside_j = host_j - use.energy_j
    if outside_j < -use.uncertainty_j - _ROUNDING_J:
        return invalid(
            "witness_energy_too_low",
            f"over the whole run, the host measured less energy on {use.uuid} than the engine did in its windows",
            observed=f"{host_j:.1f} J",
            threshold=f">= {use.energy_j - use.uncertainty_j:.1f} J",
        )
    outside_s = max(witness.duration_s - use.duration_s, 0.0) + _HOST_TICKS_S
    limit_j = _POWER_MARGIN * use.hottest_w * outside_s + use.uncertainty_j
    if outside_j > limit_j:
        return invalid(
            "witness_power_implausible",
            f"outside the windows, {use.uuid} used more power than in any window: the engine's counter lost "
            "energy, or something else used it",
            observed=f"{outside_j / outside_s:.0f} W",
            threshold=f"<= {limit_j / outside_s:.0f} W",
        )
    return None


def _no_witness(observed: str) -> VerdictReason:
    return warning(
        "no_host_witness",
        "the run has no host check to compare with the engine's measurement",
        observed=observed,
        threshold="the host's reading of the same counters",
    )


def _sources(report: RunReport) -> tuple[EnergySource, ...]:
    """Return the sources of the run's GPU windows, each once."""
    windows = (window for window in report.phases if window.domain == "gpu")
    return tuple(dict.fromkeys(window.source for window in windows if window.source is not None))


def _uses(report: RunReport, source: EnergySource) -> Iterator[_GpuUse]:
    """Yield by GPU what the engine measured with ``source``; the windows of one meter never overlap."""
    windows = [window for window in report.phases if window.domain == "gpu" and window.source is source]
    for uuid in dict.fromkeys(uuid for window in windows for uuid in window.energy_j):
        own = [window for window in windows if uuid in window.energy_j]
        # A window shorter than a tick can read 0 although the GPU worked; the ticks around it belong to its power.
        powers_w = [
            (window.energy_j[uuid] + window.uncertainty_j.get(uuid, 0.0)) / window.duration_s
            for window in own
            if window.duration_s > 0
        ]
        seen = [gpu for gpu in report.conditions if gpu.uuid == uuid]
        peaks_w = [gpu.peak_power_w for gpu in seen if gpu.peak_power_w is not None]
        limits_w = [limit_w for gpu in seen for limit_w in gpu.power_limits_w]
        yield _GpuUse(
            uuid=uuid,
            energy_j=sum(window.energy_j[uuid] for window in own),
            uncertainty_j=sum(window.uncertainty_j.get(uuid, 0.0) for window in own),
            duration_s=sum(window.duration_s for window in own),
            hottest_w=max([*powers_w, *(peaks_w or limits_w)], default=0.0),
        )
