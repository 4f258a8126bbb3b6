"""What one run measured: written by the engine, last, once."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from energy_score.contract.record import Record
from energy_score.contract.run_spec import RunSpec

Domain = Literal["gpu", "cpu"]


class EnergySource(StrEnum):
    """Where an energy figure comes from; figures of different sources never share a column."""

    NVML_COUNTER = "nvml-counter"
    NVML_POWER = "nvml-power"
    RAPL = "rapl"
    ESTIMATE = "estimate"
    REPLAY = "replay"
    SIMULATED = "simulated"

    @property
    def is_gpu_measurement(self) -> bool:
        """Whether a figure of this source may be rated."""
        return self in (EnergySource.NVML_COUNTER, EnergySource.NVML_POWER)


class MeterReading(Record):
    """Cumulative energy of each device: ``time_s`` is monotonic, ``energy_j`` is keyed by GPU UUID or CPU domain."""

    time_s: float
    energy_j: dict[str, float]


class PhaseEnergy(Record):
    """One measured window of one phase by one meter.

    ``passes`` data-set passes of ``query_count`` queries each took ``duration_s``; ``energy_j`` is per device.
    Without any meter ``source`` and ``domain`` are None and ``energy_j`` is empty. ``counted`` is false for
    discarded repeats and for overhead (load, idle), which enter no total.
    """

    phase: str
    repeat: int
    counted: bool
    passes: int = Field(ge=1)
    query_count: int = Field(ge=0)
    duration_s: float = Field(ge=0)
    domain: Domain | None
    source: EnergySource | None
    energy_j: dict[str, float]

    @property
    def total_j(self) -> float | None:
        """The window's energy over all devices in J, or None where nothing measured it."""
        return sum(self.energy_j.values()) if self.energy_j else None


class PhaseStatistics(Record):
    """Mean over the counted repeats of ONE data-set pass; energies in J, None where nothing measured them."""

    phase: str
    domain: Domain | None
    source: EnergySource | None
    repeats: int
    mean_duration_s: float
    mean_energy_j: float | None
    stdev_energy_j: float | None
    ci95_half_width_j: float | None


class QueryStatistics(Record):
    """Outcome of the queries; times are means or percentiles over the counted full passes, in s."""

    asked: int
    succeeded: int
    failed: int
    retried: int
    first_error: str | None
    mean_latency_s: float | None
    mean_time_to_first_token_s: float | None
    inter_token_latency_p50_s: float | None
    inter_token_latency_p95_s: float | None
    inter_token_latency_p99_s: float | None


class TokenCounts(Record):
    """Tokens of the successful queries in one data-set pass."""

    prompt: int
    completion: int
    completion_min: int
    completion_max: int


class LoadedModel(Record):
    """What was really loaded, read back from it. ``commit`` is the Hub commit; ``random_weights`` marks no_weights."""

    commit: str | None
    dtype: str
    devices: tuple[str, ...]
    parameter_count: int
    attention: str | None
    random_weights: bool
    offloaded: bool
    context_length: int | None


class Gpu(Record):
    """One GPU that the run could use."""

    uuid: str
    name: str
    memory_mib: int


class Hardware(Record):
    """The machine of the run."""

    gpus: tuple[Gpu, ...]
    cpu: str
    cpu_count: int
    memory_mib: int


class VerdictReason(Record):
    """One rule that spoke: ``invalid`` bars the rating, ``not_comparable`` the comparison, ``warning`` neither."""

    code: str
    severity: Literal["invalid", "not_comparable", "warning"]
    message: str
    observed: str
    threshold: str


class Verdict(Record):
    """What the figures are worth."""

    status: Literal["measured", "unmeasured"]
    rateable: bool
    comparable: bool
    reasons: tuple[VerdictReason, ...]


class RunReport(Record):
    """The result of a run that ended well. The spec it answers is carried whole, so that a report explains itself."""

    schema_version: Literal[1] = 1
    run_id: str
    spec_identity: str
    spec: RunSpec
    started_at: datetime
    finished_at: datetime
    model: LoadedModel
    dataset_revision: str | None
    phases: tuple[PhaseEnergy, ...]
    statistics: tuple[PhaseStatistics, ...]
    queries: QueryStatistics
    tokens: TokenCounts
    first_prompt_sha256: str
    hardware: Hardware
    software: dict[str, str]
    meters: tuple[str, ...]
    verdict: Verdict
