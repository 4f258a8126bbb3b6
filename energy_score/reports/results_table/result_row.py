"""One row of master_results.csv: the 19 documented columns first, then the others."""

from pydantic import field_validator

from energy_score.contract.record import Moment, Record

# More than anything that is counted or measured here, and far from numbers where sums and quotients overflow.
_TOO_MUCH = 1e30
DOCUMENTED_COLUMNS = (
    "model_name",
    "model_class",
    "task",
    "reasoning_state",
    "total_prompts",
    "successful_prompts",
    "failed_prompts",
    "total_duration_seconds",
    "avg_latency_seconds",
    "total_tokens",
    "total_prompt_tokens",
    "total_completion_tokens",
    "throughput_tokens_per_second",
    "gpu_energy_wh",
    "co2_emissions_g",
    "tokens_per_joule",
    "avg_energy_per_prompt_wh",
    "timestamp",
    "error_message",
)


class ResultRow(Record):
    """One run as users read it. None means an empty cell: not measured, or unknown; never 0.

    Totals are for one pass over all queries, as the mean of the counted repeats. ``*_wh`` GPU columns have only GPU
    measurements (source in ``energy_source``); ``cpu_energy_wh`` is separate, with its own source.

    ``idle_subtracted_wh`` is ``gpu_energy_wh`` less ``idle_power_w`` times the duration, beside the gross figure.
    ``mean_power_w`` is that of a whole pass; ``peak_power_w`` is the sum of each GPU's own peak, which for several GPUs
    is an upper bound. ``integral_discrepancy_percent`` is that of the sums over all work windows, of the counter's.
    ``energy_per_output_token_j`` is the total over completion tokens, ``energy_per_input_token_j`` prefill over prompt
    tokens. ``load_energy_wh`` is that of loading the model, once, and in no total. ``image`` is the digest of the
    container image that the run happened in, empty for a run without a container. Token, image and audio columns are
    empty where the task has none of them; ``truncated_prompts`` were cut to fit the model's context. ``server`` is the
    name and version of what answered, where that was a server; ``concurrency`` is how many queries were under way at a
    time. ``optimum_gpu_energy_wh`` is what optimum-benchmark says of its own run, never rated, and
    ``optimum_difference_percent`` how far that is from ``gpu_energy_wh``.
    ``concurrent_runs`` is how many runs of ours were under way on the machine at most while this one lasted.
    ``repairs`` is how many readings and windows had to be repeated; the report says which and why. ``gpu_unmeasured``
    is why no GPU was measured. ``effective_repeats`` is how many independent repeats would tell as much of the total.
    ``gpu_ids`` are the first 16 digits of the SHA-256 of each GPU's UUID, joined by ``|``; runs of one
    ``spec_identity`` did the same work.
    """

    model_name: str
    model_class: str | None
    task: str
    reasoning_state: str
    total_prompts: int | None = None
    successful_prompts: int | None = None
    failed_prompts: int | None = None
    total_duration_seconds: float | None = None
    avg_latency_seconds: float | None = None
    total_tokens: int | None = None
    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None
    throughput_tokens_per_second: float | None = None
    gpu_energy_wh: float | None = None
    co2_emissions_g: float | None = None
    tokens_per_joule: float | None = None
    avg_energy_per_prompt_wh: float | None = None
    timestamp: Moment | None = None
    error_message: str | None = None

    wh_per_1000_queries: float | None = None
    preprocess_wh: float | None = None
    prefill_wh: float | None = None
    decode_wh: float | None = None
    gpu_energy_stdev_wh: float | None = None
    gpu_energy_ci95_half_width_wh: float | None = None
    repeats: int | None = None
    energy_source: str | None = None
    energy_status: str | None = None
    rateable: bool | None = None
    comparable: bool | None = None
    verdict_reasons: str | None = None
    cpu_energy_wh: float | None = None
    cpu_energy_source: str | None = None
    time_to_first_token_seconds: float | None = None
    inter_token_latency_p50_seconds: float | None = None
    inter_token_latency_p95_seconds: float | None = None
    inter_token_latency_p99_seconds: float | None = None
    co2_factor_g_per_kwh: float | None = None
    co2_region: str | None = None
    hardware: str | None = None
    gpu_count: int | None = None
    backend: str | None = None
    dtype: str | None = None
    model_commit: str | None = None
    random_weights: bool | None = None
    dataset: str | None = None
    protocol: str | None = None
    max_new_tokens: int | None = None
    notes: str | None = None
    run_id: str | None = None
    idle_subtracted_wh: float | None = None
    idle_power_w: float | None = None
    mean_power_w: float | None = None
    peak_power_w: float | None = None
    integral_discrepancy_percent: float | None = None
    energy_per_output_token_j: float | None = None
    energy_per_input_token_j: float | None = None
    load_energy_wh: float | None = None
    image: str | None = None
    total_input_images: int | None = None
    total_input_audio_seconds: float | None = None
    total_output_images: int | None = None
    truncated_prompts: int | None = None
    quantization: str | None = None
    server: str | None = None
    concurrency: int | None = None
    optimum_gpu_energy_wh: float | None = None
    optimum_difference_percent: float | None = None
    concurrent_runs: int | None = None
    repairs: int | None = None
    thinking_tokens: int | None = None
    answer_tokens: int | None = None
    reasoning_switch: str | None = None
    prompt_date: str | None = None
    gpu_unmeasured: str | None = None
    effective_repeats: float | None = None
    gpu_ids: str | None = None
    spec_identity: str | None = None

    @field_validator("*")
    @classmethod
    def _no_figure_is_unknown(cls, value: object) -> object:
        """Treat impossible measurements as unknown, like an empty cell; a report or table can come from anywhere."""
        if isinstance(value, int | float) and not isinstance(value, bool) and not -_TOO_MUCH < value < _TOO_MUCH:
            return None
        return value

    @property
    def ci95_half_width_per_1000_wh(self) -> float | None:
        """Return half of the 95 % interval of the GPU energy, per 1,000 queries like ``wh_per_1000_queries``."""
        if self.gpu_energy_ci95_half_width_wh is None or not self.successful_prompts:
            return None
        return 1000 * self.gpu_energy_ci95_half_width_wh / self.successful_prompts
