"""The run spec: everything that the engine needs for one run, fully resolved."""

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from energy_score.contract.choices import Dtype, Protocol
from energy_score.contract.model_config import ModelClass, ReasoningMode
from energy_score.contract.prompt_plan import Family, PromptPlan, SheetCell
from energy_score.contract.record import Record

# Fields that do not change what is measured: a spec that differs only here orders the same run.
_NOT_IDENTITY = {"run_id", "region", "notes", "family", "strict_modes", "template_sha256"}
# The fields that joined when the template began to decide; before, the plan itself was part of every identity.
_SINCE_TEMPLATES = {"cell", "family", "strict_modes", "prompt_date", "template_sha256"}
# Fields under which a result is filed: specs that differ only here would do the same work twice.
_FILING = {"model_class", "reasoning_state", "reasoning"}


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
                raise ValueError("min_new_tokens and max_new_tokens must be set together")
        elif self.min_new_tokens > self.max_new_tokens:
            raise ValueError(f"min_new_tokens {self.min_new_tokens} exceeds max_new_tokens {self.max_new_tokens}")
        return self


class DatasetRef(Record):
    """The source of the queries: a Hub dataset (``name``), or a local file or folder of media (``path``).

    ``sha256`` covers the file's bytes, or the file and the media that it names, which are in ``media_folders``.
    ``columns`` are the task's own; ``text_column`` replaces the column of a task that has only one, and is then the
    only one looked for.
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
            raise ValueError("a dataset has either a Hub name or a local path")
        return self


class RepeatPolicy(Record):
    """How often and how long each phase is measured.

    ``repeats`` are counted; ``discarded_repeats`` run before them as warm-up. A phase repeats the dataset until it
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
            raise ValueError("ci_target and max_repeats must be set together")
        if self.max_repeats is not None and self.max_repeats < self.repeats:
            raise ValueError(f"max_repeats {self.max_repeats} is less than repeats {self.repeats}")
        return self

    @model_validator(mode="after")
    def _pauses_have_a_known_power(self) -> Self:
        if self.dither_s > 0 and self.idle_baseline_s == 0:
            raise ValueError("dither_s needs an idle baseline: pauses are taken off at idle power")
        return self


class GpuRequirement(Record):
    """GPUs the run may use: ``count`` of them, or all visible ones (None); 0 if no GPU is used.

    ``device_map`` "auto" lets accelerate spread the model over them; None puts all of it on one GPU.
    """

    count: int | None = Field(default=None, ge=0)
    device_map: Literal["auto"] | None = None


class RunSpec(Record):
    """The complete description of one run. Written to ``run_spec.json`` before anything else happens.

    ``prompt_plan`` is how the host would ask, by the template with ``template_sha256`` if it has that. With a ``cell``
    (what the row says) the engine decides it again by the model's own chat template, from ``reasoning``, the cell and
    ``family`` (what is known of models of that name, if anything); without one it carries the plan out as it is.
    ``prompt_date`` is what templates print as today's date; None means the day of the run. With ``strict_modes`` a mode
    that cannot be expressed fails the run.

    ``processor`` is where the tokenizer or processor comes from, a Hub id or an absolute folder; None means the model
    itself. ``truncation`` cuts an input that is longer than the model's context, which otherwise fails its query.

    The vllm backend sends its queries to ``endpoint``, or starts a server with ``server_command``; exactly one of the
    two is set. ``concurrency`` is the number of parallel queries. A query fails after ``request_timeout_s`` without
    data from the server. ``meter_gpus`` (UUIDs or NVML indices) are measured instead of the GPUs that the server's
    processes use.
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
    cell: SheetCell | None = None
    family: Family | None = None
    template_sha256: str | None = None
    prompt_date: date | None = None
    strict_modes: bool = False
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
        """Return whether the run executes code from the model's repository. A server at an endpoint is not checked."""
        return self.trust_remote_code and self.endpoint is None

    def local_paths(self) -> tuple[Path, ...]:
        """Return the files and folders of this machine that the run reads; a container mounts each at the same path."""
        named = (self.model_path, self.dataset.path, *self.dataset.media_folders, self.processor)
        name, _, recording = self.meter.partition(":")
        paths = [Path(path) for path in named if path is not None and Path(path).is_absolute()]
        return tuple(dict.fromkeys([*paths, Path(recording)] if name == "replay" else paths))

    def identity(self) -> str:
        """SHA-256 (hex) of everything that decides what is measured; equal identities order the same run."""
        # State and cell decide how the mode is sent: a template that is learned later does not cause a new run.
        return self._digest_without(_NOT_IDENTITY if self.cell is None else _NOT_IDENTITY | {"prompt_plan"})

    def orders(self, spec_identity: str) -> bool:
        """Return whether a result with ``spec_identity`` answers this order, an earlier version's result included."""
        earlier = {"run_id", "region", "notes"} | _SINCE_TEMPLATES
        return spec_identity in (self.identity(), self._digest_without(earlier))

    def work_identity(self) -> str:
        """As ``identity``, less the fields a result is filed under, and with the plan that carries the mode.

        Equal for two rows that would do the same work.
        """
        return self._digest_without(_NOT_IDENTITY | _FILING | {"cell"})

    def _digest_without(self, fields: set[str]) -> str:
        # Fields added later have a default that means their absence, so earlier runs keep their identity.
        return self.digest(without=fields, exclude_defaults=True)
