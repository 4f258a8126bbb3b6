"""What one run measured. The engine writes it once, last."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from energy_score.contract.optimum_use import OptimumUse
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.record import Moment, Record, SafeLine
from energy_score.contract.repair import Repair
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerUse

Domain = Literal["gpu", "cpu"]

# The pass with all of a query's work: generating text (full), one forward pass, or one pipeline call.
WORK_PHASES = ("full", "forward", "call")


class EnergySource(StrEnum):
    """The source of an energy figure; figures of different sources never share a column."""

    NVML_COUNTER = "nvml-counter"
    NVML_POWER = "nvml-power"
    RAPL = "rapl"
    ESTIMATE = "estimate"
    REPLAY = "replay"
    SIMULATED = "simulated"

    @property
    def is_gpu_measurement(self) -> bool:
        """Return whether figures from this source can be rated."""
        return self in (EnergySource.NVML_COUNTER, EnergySource.NVML_POWER)


class MeterReading(Record):
    """Cumulative energy of each device: ``time_s`` is monotonic, ``energy_j`` is keyed by GPU UUID or CPU domain.

    ``tick_s`` is when each device's counter moved to the value that was read, where the reading waited for that.
    ``faults`` says of a device why its figure cannot be used (``counter_reset``, ``counter_lost``); it is then absent
    from ``energy_j``. ``late`` names the devices whose counter moved much later than its update period says, and
    ``resolution_j`` is the step that a counter moves in, where that is known.
    """

    time_s: float
    energy_j: dict[str, float]
    tick_s: dict[str, float] = Field(default_factory=dict)
    faults: dict[str, str] = Field(default_factory=dict)
    late: tuple[str, ...] = ()
    resolution_j: dict[str, float] = Field(default_factory=dict)


class PhaseEnergy(Record):
    """One measured window of one phase by one meter.

    ``passes`` passes over the ``query_count`` queries took ``duration_s``; ``energy_j`` is per device.
    Without a meter, ``source`` and ``domain`` are None and ``energy_j`` is empty. ``counted`` is false for
    discarded repeats and for overhead (load, idle), which are not part of any total.

    ``uncertainty_j`` bounds, per device, how far the energy may be from that of the work alone: the counter moves in
    ticks and steps, and the pauses between the queries, ``pause_s`` in all, are taken off at idle power.
    ``integral_j`` is the energy of the same window by the integral of sampled power, less ``pause_energy_j``, what was
    taken off for the pauses, and ``integral_sigma_j`` its standard error. ``faults`` says of a device why its counter
    gave no figure for the window; the device is then absent from ``energy_j``. ``temperature_c`` is the mean of each
    GPU.

    ``start_s`` and ``end_s`` are the edges of the work on the machine's monotonic clock, ``duration_s`` the time
    between them without the pauses. ``defects`` are what is wrong with the window and stayed so when it was measured
    again.
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
    uncertainty_j: dict[str, float] = Field(default_factory=dict)
    integral_j: dict[str, float] = Field(default_factory=dict)
    integral_sigma_j: dict[str, float] = Field(default_factory=dict)
    pause_energy_j: dict[str, float] = Field(default_factory=dict)
    faults: dict[str, str] = Field(default_factory=dict)
    temperature_c: dict[str, float] = Field(default_factory=dict)
    start_s: float | None = None
    end_s: float | None = None
    pause_s: float = Field(default=0.0, ge=0)
    defects: tuple[SafeLine, ...] = ()

    @property
    def total_j(self) -> float | None:
        """Return the window's energy over all devices in J, or None if a device has no figure or none was measured."""
        return sum(self.energy_j.values()) if self.energy_j and not self.faults else None

    @property
    def integral_discrepancy(self) -> float | None:
        """Return the relative difference between integral and counter energy, unsigned, for the worst device.

        Return None if no device has both figures, or the counter's is not positive.
        """
        # Not the ratio minus one: for 1050 and 1000 J that gives slightly more than 0.05.
        parts = [
            abs(self.integral_j[device] - energy_j) / energy_j
            for device, energy_j in self.energy_j.items()
            if device in self.integral_j and energy_j > 0
        ]
        return max(parts, default=None)


class PhaseStatistics(Record):
    """Mean over the counted repeats of ONE pass over the dataset; energies in J, None if not measured.

    ``unresolved``: the phase's energy is a difference smaller than three standard deviations of itself, so that no
    figure can be given (METHOD: decode under 3 sigma). ``effective_repeats`` is how many independent repeats would tell
    as much, None if it is not known; ``drifts`` says that the repeats follow a course. ``idle_subtracted_j`` is the
    mean less idle power times duration, beside the gross figure and never instead of it.
    """

    phase: str
    domain: Domain | None
    source: EnergySource | None
    repeats: int
    mean_duration_s: float
    mean_energy_j: float | None
    stdev_energy_j: float | None
    ci95_half_width_j: float | None
    unresolved: bool = False
    idle_subtracted_j: float | None = None
    effective_repeats: float | None = None
    drifts: bool = False


class GpuConditions(Record):
    """What was seen on one GPU between the first and the last counted window; None or empty if not readable.

    ``counter_period_s`` and ``power_period_s`` are the measured update periods of the energy counter and of the power
    reading on the idle GPU, ``counter_period_under_load_s`` is the counter's beside the warm-up queries.
    ``power_field`` says which reading was sampled. ``throttle_reasons`` are NVML's clock event reasons seen. Of the
    counted windows alone: ``foreign_process_ids`` are compute processes other than the run's own, ``power_limits_w``
    are all limits seen, in whole watts. ``default_power_limit_w`` is the limit that the GPU comes with.
    """

    uuid: str
    counter_period_s: float | None = None
    counter_period_under_load_s: float | None = None
    power_period_s: float | None = None
    power_field: Literal["instant", "average"] | None = None
    sample_count: int = 0
    mean_power_w: float | None = None
    peak_power_w: float | None = None
    idle_power_w: float | None = None
    temperature_max_c: int | None = None
    sm_clock_min_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_peak_mib: int | None = None
    throttle_reasons: tuple[str, ...] = ()
    power_limits_w: tuple[float, ...] = ()
    default_power_limit_w: float | None = None
    foreign_process_ids: tuple[int, ...] = ()
    mig_enabled: bool | None = None


class QueryStatistics(Record):
    """Results of the queries; times are means or percentiles over the counted work passes, in s.

    ``truncated`` of the successful ones ran with an input that was cut to fit the model's context. ``thinking`` of the
    ``judged`` ones have thoughts in their answer; None if none was checked.
    """

    asked: int
    succeeded: int
    failed: int
    retried: int
    truncated: int = 0
    thinking: int | None = None
    judged: int | None = None
    first_error: SafeLine | None
    mean_latency_s: float | None
    mean_time_to_first_token_s: float | None
    inter_token_latency_p50_s: float | None
    inter_token_latency_p95_s: float | None
    inter_token_latency_p99_s: float | None


class TokenCounts(Record):
    """Tokens of the successful queries in one data-set pass; None if the task has none or they were not counted.

    ``thinking`` and ``answer`` are the two parts of ``completion``; None if they cannot be told apart.
    """

    prompt: int | None
    completion: int | None
    completion_min: int | None
    completion_max: int | None
    thinking: int | None = None
    answer: int | None = None

    @property
    def total(self) -> int | None:
        """Return the sum of prompt and completion tokens, as far as the task has them; None if it has neither."""
        known = [count for count in (self.prompt, self.completion) if count is not None]
        return sum(known) if known else None


class MediaCounts(Record):
    """Images and audio of the successful queries in one pass over the dataset; None if the task has none."""

    input_images: int | None = None
    input_audio_s: float | None = None
    output_images: int | None = None


class LoadedModel(Record):
    """Settings read back from the loaded model; None if unknown, as with most servers.

    ``commit`` is the Hub commit; ``random_weights`` marks no_weights; ``quantization`` is the method, None for weights
    that are not quantized. ``notes`` are for readers of the result (for example weights missing in the checkpoint).
    """

    commit: str | None
    dtype: str | None
    devices: tuple[str, ...] | None
    parameter_count: int | None
    attention: str | None
    random_weights: bool | None
    offloaded: bool | None
    context_length: int | None
    quantization: str | None = None
    notes: tuple[SafeLine, ...] = ()


class Gpu(Record):
    """One GPU that the run could use; ``counter_scope`` is what its energy counter covers: on GH200 the module."""

    uuid: str
    name: str
    memory_mib: int
    counter_scope: Literal["gpu", "module"] = "gpu"


class Hardware(Record):
    """The machine of the run."""

    gpus: tuple[Gpu, ...]
    cpu: str
    cpu_count: int
    memory_mib: int


class VerdictReason(Record):
    """One reason of a verdict: ``invalid`` (not rated), ``not_comparable`` (with published scores) or ``warning``."""

    code: str
    severity: Literal["invalid", "not_comparable", "warning"]
    message: str
    observed: str
    threshold: str


class Verdict(Record):
    """Whether the figures can be rated and compared."""

    status: Literal["measured", "unmeasured"]
    rateable: bool
    comparable: bool
    reasons: tuple[VerdictReason, ...]


class RunReport(Record):
    """The result of a successful run. It contains the whole run spec, so that it explains itself.

    ``server`` is what answered the queries, where that was another process than the engine. ``optimum`` is what
    optimum-benchmark says of the same run, where it carried that out. ``prompt`` is how its queries were asked; None
    if they are not prompts. ``repairs`` are the transient faults that cost a
    reading or a window. ``gpu_unmeasured`` is the reason why no meter reads a GPU.
    """

    schema_version: Literal[1] = 1
    run_id: str
    spec_identity: str
    spec: RunSpec
    started_at: Moment
    finished_at: Moment
    model: LoadedModel
    dataset_revision: str | None
    phases: tuple[PhaseEnergy, ...]
    statistics: tuple[PhaseStatistics, ...]
    queries: QueryStatistics
    tokens: TokenCounts
    media: MediaCounts = MediaCounts()
    first_prompt_sha256: str
    prompt: PromptUse | None = None
    hardware: Hardware
    software: dict[str, str]
    meters: tuple[str, ...]
    conditions: tuple[GpuConditions, ...] = ()
    server: ServerUse | None = None
    optimum: OptimumUse | None = None
    repairs: tuple[Repair, ...] = ()
    gpu_unmeasured: SafeLine | None = None
    verdict: Verdict
