"""The resolved order for one run: everything the engine needs, and nothing it has to guess."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from energy_score.contract.choices import Dtype, Protocol
from energy_score.contract.model_config import ModelClass, ParameterValue, ReasoningMode
from energy_score.contract.record import Record

# Fields that do not change what is measured: a spec that differs only here orders the same run.
_NOT_IDENTITY = {"run_id", "region", "notes"}
# Fields under which a result is filed: specs that differ only here would do the same work twice.
_FILING = {"model_class", "reasoning_state", "reasoning"}


class PromptPlan(Record):
    """How a query's text becomes the model's input; made by a family on the host, carried out by the engine.

    With a chat template: messages are ``system_prompt`` (if any) and ``user_prefix`` + text + ``user_suffix``; the
    template gets ``chat_template_kwargs``; ``assistant_prefill`` follows the rendered prompt unless that already ends
    with it.
    Without one (or with ``raw``): the input is ``raw_prefix`` + ``user_prefix`` + text + ``user_suffix``, or the
    Harmony rendering where ``template_fallback`` says so.
    """

    system_prompt: str | None = None
    user_prefix: str = ""
    user_suffix: str = ""
    assistant_prefill: str = ""
    chat_template_kwargs: dict[str, ParameterValue] = Field(default_factory=dict)
    raw: bool = False
    raw_prefix: str = ""
    template_fallback: Literal["raw", "harmony"] = "raw"


class GenerationSettings(Record):
    """Greedy generation with a fixed seed; token limits are per query, None for tasks that generate no tokens."""

    max_new_tokens: int | None = Field(ge=1)
    min_new_tokens: int | None = Field(ge=1)
    do_sample: Literal[False] = False
    dtype: Dtype
    seed: int

    @model_validator(mode="after")
    def _limits_are_ordered(self) -> Self:
        if self.min_new_tokens is None or self.max_new_tokens is None:
            if self.min_new_tokens != self.max_new_tokens:
                raise ValueError("min_new_tokens and max_new_tokens go together")
        elif self.min_new_tokens > self.max_new_tokens:
            raise ValueError(f"min_new_tokens {self.min_new_tokens} exceeds max_new_tokens {self.max_new_tokens}")
        return self


class DatasetRef(Record):
    """Where the queries come from: a Hub data set (``name``), or a local file or folder of media (``path``).

    ``sha256`` is that of the file's bytes, or of the file and the media that it names; these lie in ``media_folders``.
    ``columns`` are the task's own; ``text_column`` names another one for a task that has only one, and is then the only
    one looked for.
    """

    name: str | None = None
    path: str | None = None
    sha256: str | None = None
    revision: str | None = None
    split: str = "train"
    columns: tuple[str, ...]
    text_column: str | None = None
    media_folders: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.name is None) == (self.path is None):
            raise ValueError("a data set has either a Hub name or a local path")
        return self


class RepeatPolicy(Record):
    """How often and how long each phase is measured.

    ``repeats`` are counted; ``discarded_repeats`` run before them as warm-up. A phase loops over the data set until it
    has lasted ``min_phase_s``. ``idle_baseline_s`` is measured before and after the repeats (0: not measured).
    Up to ``max_discarded_repeats`` are discarded until the GPU has settled (None: no more than ``discarded_repeats``).
    ``dither_s`` is the longest random pause between a tick and the work, and between chunks of the work;
    ``shuffle_queries`` asks them in another order in each repeat. ``generation.seed`` decides both.
    With ``ci_target`` (0.01 is 1 %) the repeats go on past ``repeats``, the least number, until the half-width of the
    total's 95 % interval is at most that part of its mean, and no further than ``max_repeats``.
    """

    protocol: Protocol
    repeats: int = Field(ge=1)
    discarded_repeats: int = Field(ge=0)
    min_phase_s: float = Field(ge=0)
    idle_baseline_s: float = Field(ge=0)
    max_discarded_repeats: int | None = Field(default=None, ge=0)
    dither_s: float = Field(default=0.0, ge=0, le=1)
    shuffle_queries: bool = False
    ci_target: float | None = Field(default=None, gt=0, lt=1)
    max_repeats: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _a_target_has_an_end(self) -> Self:
        if (self.ci_target is None) != (self.max_repeats is None):
            raise ValueError("ci_target and max_repeats go together")
        if self.max_repeats is not None and self.max_repeats < self.repeats:
            raise ValueError(f"max_repeats {self.max_repeats} is less than repeats {self.repeats}")
        return self

    @model_validator(mode="after")
    def _pauses_have_a_known_power(self) -> Self:
        if self.dither_s > 0 and self.idle_baseline_s == 0:
            raise ValueError("dither_s needs an idle baseline: pauses are taken off at idle power")
        return self


class GpuRequirement(Record):
    """GPUs the run may use: ``count`` of them, or as many as are visible (None). 0 where no GPU is used.

    ``device_map`` "auto" spreads the model over them as accelerate decides; None puts all of it on one GPU.
    """

    count: int | None = Field(default=None, ge=0)
    device_map: Literal["auto"] | None = None


class RunSpec(Record):
    """One run, completely described. Written to ``run_spec.json`` before anything else happens.

    ``processor`` is where the tokenizer or processor comes from, a Hub id or an absolute folder; None is the model
    itself. ``truncation`` cuts an input that is longer than the model's context, which otherwise fails its query.

    The vllm backend sends its queries to ``endpoint``, or starts a server of its own by ``server_command``: one of the
    two is there. ``concurrency`` queries are under way at a time, and a server that says nothing for
    ``request_timeout_s`` fails its query. ``meter_gpus`` (UUIDs, or NVML's indices) are measured in place of those that
    the server's processes hold.
    """

    schema_version: Literal[1] = 1
    run_id: str
    image: str | None = None
    model_id: str
    model_path: str | None = None
    model_digest: str | None = None
    processor: str | None = None
    model_class: ModelClass | None
    revision: str | None
    trust_remote_code: bool = False
    no_weights: bool = False
    task: str
    reasoning_state: str
    reasoning: ReasoningMode
    prompt_plan: PromptPlan
    generation: GenerationSettings
    backend: str
    endpoint: str | None = None
    server_command: str | None = None
    concurrency: int = Field(default=1, ge=1)
    request_timeout_s: float = Field(default=600.0, gt=0)
    meter: str
    meter_gpus: tuple[str, ...] = ()
    dataset: DatasetRef
    query_count: int | None = Field(default=None, ge=1)
    truncation: bool = False
    repeat_policy: RepeatPolicy
    warmup_query_count: int = Field(ge=0)
    gpu_requirement: GpuRequirement
    save_text: bool = False
    region: str
    notes: tuple[str, ...] = ()

    @property
    def runs_foreign_code(self) -> bool:
        """Whether the run executes code from the model's repository. A server that is there already does as it does."""
        return self.trust_remote_code and self.endpoint is None

    def local_paths(self) -> tuple[Path, ...]:
        """The files and folders of this machine that the run reads; a container must see each at this same path."""
        named = (self.model_path, self.dataset.path, *self.dataset.media_folders, self.processor)
        name, _, recording = self.meter.partition(":")
        paths = [Path(path) for path in named if path is not None and Path(path).is_absolute()]
        return tuple(dict.fromkeys([*paths, Path(recording)] if name == "replay" else paths))

    def identity(self) -> str:
        """SHA-256 (hex) of everything that decides what is measured; equal identities order the same run."""
        return self._digest_without(_NOT_IDENTITY)

    def work_identity(self) -> str:
        """As ``identity``, less the fields a result is filed under: equal for two rows that would do the same work."""
        return self._digest_without(_NOT_IDENTITY | _FILING)

    def _digest_without(self, fields: set[str]) -> str:
        # A field that joins later has a default that means its absence, so earlier runs keep their identity.
        return self.digest(without=fields, exclude_defaults=True)
