"""Turns a row of the spreadsheet and the batch's options into a complete order for one run."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from energy_score.contract.errors import RowRefusedError, UsageError
from energy_score.contract.grid import grid_factor
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.record import Record
from energy_score.contract.run_spec import (
    METER_NAMES,
    Backend,
    DatasetRef,
    Dtype,
    GenerationSettings,
    GpuRequirement,
    RepeatPolicy,
    RunSpec,
)
from energy_score.endpoint_order import endpoint_order_of
from energy_score.families.row_plan import RowPlan, plan_of
from energy_score.tasks.registry import task_of
from energy_score.tasks.task import Task

# What each backend can run today.
RUNNABLE_TASKS: dict[Backend, tuple[str, ...]] = {"pytorch": ("text_gen",), "vllm": ("text_gen",)}

# Source: METHOD.md, "Protocol" and "Energy, phase by phase": the mean of 10 runs, phases of at least 10 s (1 % of the
# energy at a counter period of 100 ms), an idle baseline of at least 30 s.
OFFICIAL = RepeatPolicy(protocol="official", repeats=10, discarded_repeats=1, min_phase_s=10, idle_baseline_s=30)
# One repeat, no minimum: shows that a row runs, and about what it takes. Never rated.
QUICK = RepeatPolicy(protocol="quick", repeats=1, discarded_repeats=0, min_phase_s=0, idle_baseline_s=0)
# Source: METHOD.md, "Statistics": adaptive is at least 5 repeats, stops when the half-width is <= 1 %, at most 20.
_ADAPTIVE_REPEATS = (5, 20)
_ADAPTIVE_CI_TARGET = 0.01
# Source: METHOD.md, "Statistics": the first repeat is discarded as warm-up where there are more than three.
_REPEATS_WITHOUT_WARMUP = 3

# Files up to this size are hashed whole; of larger ones (weights) size and time of change stand for the content.
_HASHED_WHOLE_BYTES = 16 * 2**20


class RunOptions(Record):
    """What the command line says about every run of the batch; None is "as the method or the task says"."""

    backend: Backend = "pytorch"
    endpoint: str | None = None
    managed: bool = False
    server_command: str | None = None
    concurrency: int = Field(default=1, ge=1)
    request_timeout_s: float = Field(default=600.0, gt=0)
    meter_gpus: str | None = None
    processor: str | None = None
    gpu_count: int | None = Field(default=None, ge=0)
    device_map: Literal["auto"] | None = None
    query_count: int | None = Field(default=None, ge=1)
    truncation: bool = False
    prompts_file: Path | None = None
    dataset: str | None = None
    text_column: str | None = None
    protocol: Literal["quick", "official"] | None = None
    repeats: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    ci_target: float | None = Field(default=None, gt=0, lt=1)
    meter: str = "auto"
    dtype: Dtype | None = None
    seed: int = 42
    # Source: METHOD.md, "Protocol": exactly 10 new tokens with reasoning off, 1 to 8,192 with it on.
    new_tokens_off: int = Field(default=10, ge=1)
    max_new_tokens_on: int = Field(default=8192, ge=1)
    # Source: METHOD.md, "Energy, phase by phase": warm-up of at least 10 queries.
    warmup_query_count: int = Field(default=10, ge=0)
    region: str = "world"
    save_text: bool = False
    no_weights: bool = False


class ParameterHandler:
    """Resolves rows under one set of options.

    ``sheet_directory`` is what local model folders are relative to, ``sheet_name`` how messages call the spreadsheet.

    Raises:
        UsageError: an option can hold for no row: backend, endpoint, region, meter, prompts file, interval.
    """

    def __init__(self, options: RunOptions, *, sheet_directory: Path, sheet_name: str = "models.csv") -> None:
        if options.backend not in RUNNABLE_TASKS:
            valid = ", ".join(RUNNABLE_TASKS)
            raise UsageError(f"--backend {options.backend}: not available in this version; {valid} is")
        if options.prompts_file is not None and options.dataset is not None:
            raise UsageError("--prompts-file and --dataset name two sources of prompts; valid is one of them")
        if options.ci_target is not None and options.repeats != "auto":
            raise UsageError(
                "--ci is where --repeats auto stops, and says nothing about a fixed number of repeats; "
                "valid is --repeats auto --ci 1%"
            )
        grid_factor(options.region)
        self._endpoint = endpoint_order_of(
            backend=options.backend,
            endpoint=options.endpoint,
            managed=options.managed,
            server_command=options.server_command,
            concurrency=options.concurrency,
            meter_gpus=options.meter_gpus,
            without_effect={
                "--no-weights": options.no_weights,
                "truncation": options.truncation,
                "processor": options.processor is not None,
                "device_map": options.device_map is not None,
            },
        )
        self._options = options
        self._sheet_directory = sheet_directory
        self._sheet_name = sheet_name
        self._meter = _meter_of(options.meter)
        self._prompts = _prompts_of(options.prompts_file)
        self._digests: dict[Path, str] = {}

    def plan(self, config: ModelConfig) -> RowPlan:
        """The row's prompt plan and notes, whatever the backend can run; RowRefusedError as in ``resolve``."""
        try:
            return plan_of(config)
        except RowRefusedError as error:
            raise RowRefusedError(f"{self._where(config)}: {error}") from error

    def resolve(self, config: ModelConfig, *, run_id: str) -> RunSpec:
        """The complete order for the row's run.

        Raises:
            RowRefusedError: the row asks for what cannot be run; the message says where, what, and what is valid.
        """
        options, task = self._options, self._task_of(config)
        row_plan = self.plan(config)
        policy, policy_notes = self._repeat_policy()
        folder = self._folder_of(config)
        return RunSpec(
            run_id=run_id,
            model_id=config.model_id,
            model_path=None if folder is None else str(folder),
            model_digest=None if folder is None else self._digest_of(folder, config),
            model_class=config.model_class,
            revision=config.revision,
            trust_remote_code=config.trust_remote_code,
            no_weights=options.no_weights,
            processor=options.processor,
            task=task.name,
            reasoning_state=config.reasoning_state,
            reasoning=config.reasoning_mode,
            prompt_plan=row_plan.prompt_plan,
            generation=self._generation(config, task),
            backend=options.backend,
            endpoint=self._endpoint.endpoint,
            server_command=self._endpoint.server_command_for(config),
            concurrency=options.concurrency,
            request_timeout_s=options.request_timeout_s,
            meter=self._meter,
            meter_gpus=self._endpoint.meter_gpus,
            dataset=self._dataset(task),
            query_count=options.query_count,
            truncation=options.truncation,
            repeat_policy=policy,
            warmup_query_count=options.warmup_query_count,
            gpu_requirement=self._gpu_requirement(config),
            save_text=options.save_text,
            region=options.region.strip().lower(),
            notes=(*row_plan.notes, *policy_notes),
        )

    def _where(self, config: ModelConfig) -> str:
        return f"{self._sheet_name}:{config.line_number}"

    def _task_of(self, config: ModelConfig) -> Task:
        try:
            task = task_of(config.task)
        except RowRefusedError as error:
            raise RowRefusedError(f"{self._where(config)}: Task: {error}") from error
        runnable = RUNNABLE_TASKS[self._options.backend]
        if task.name not in runnable:
            raise RowRefusedError(
                f"{self._where(config)}: Task: {task.name} cannot be run by this version's {self._options.backend} "
                f"backend; valid is {', '.join(runnable)}"
            )
        return task

    def _generation(self, config: ModelConfig, task: Task) -> GenerationSettings:
        """Exactly the same few tokens for every row without reasoning; room to think for every row marked On."""
        options, thinks = self._options, config.reasoning_mode.thinks
        return GenerationSettings(
            min_new_tokens=1 if thinks else options.new_tokens_off,
            max_new_tokens=options.max_new_tokens_on if thinks else options.new_tokens_off,
            dtype=options.dtype or task.dtype,
            seed=options.seed,
        )

    def _gpu_requirement(self, config: ModelConfig) -> GpuRequirement:
        # Source: METHOD.md, "Protocol": classes A and B run on exactly one GPU.
        count = 1 if config.model_class in ("A", "B") else None
        options = self._options
        return GpuRequirement(
            count=count if options.gpu_count is None else options.gpu_count, device_map=options.device_map
        )

    def _repeat_policy(self) -> tuple[RepeatPolicy, tuple[str, ...]]:
        """A number of queries is a trial, the whole data set a rating, unless the protocol is named."""
        options = self._options
        protocol = options.protocol or ("official" if options.query_count is None else "quick")
        policy = OFFICIAL if protocol == "official" else QUICK
        if options.repeats is None or options.repeats == policy.repeats:
            return policy, ()
        if options.repeats == "auto":
            least, most = _ADAPTIVE_REPEATS
            ci_target = options.ci_target or _ADAPTIVE_CI_TARGET
            changes: dict[str, object] = {"repeats": least, "max_repeats": most, "ci_target": ci_target}
            told = (
                f"{least} to {most}, until the half-width of the total's 95 % interval is at most {ci_target:.3g} of "
                "its mean"
            )
        else:
            least, changes, told = options.repeats, {"repeats": options.repeats}, str(options.repeats)
        changes["discarded_repeats"] = 1 if least > _REPEATS_WITHOUT_WARMUP else 0
        changed = policy.model_copy(update=changes)
        if policy is QUICK:
            return changed, ()
        return changed, (f"official is {OFFICIAL.repeats} counted repeats; this run has {told}",)

    def _dataset(self, task: Task) -> DatasetRef:
        options, columns = self._options, task.dataset.columns
        if self._prompts is not None:
            path, sha256 = self._prompts
            return DatasetRef(path=str(path), sha256=sha256, columns=columns, text_column=options.text_column)
        name = options.dataset or task.dataset.name
        return task.dataset.model_copy(update={"name": name, "text_column": options.text_column})

    def _folder_of(self, config: ModelConfig) -> Path | None:
        """The absolute folder of a local model; None for a Hub id."""
        if not config.is_local:
            return None
        try:
            folder = (self._sheet_directory / Path(config.model_id).expanduser()).resolve()
            is_folder = folder.is_dir()
        except (OSError, RuntimeError) as error:
            raise RowRefusedError(
                f"{self._where(config)}: Models to Add: {config.model_id!r} is no path: {error}; valid is a Hub id "
                "(org/name), or a folder relative to the spreadsheet"
            ) from error
        if not is_folder:
            raise RowRefusedError(
                f"{self._where(config)}: Models to Add: {config.model_id!r} is no folder: {folder}; valid is a Hub id "
                "(org/name), or a folder relative to the spreadsheet"
            )
        return folder

    def _digest_of(self, folder: Path, config: ModelConfig) -> str:
        if folder not in self._digests:
            try:
                self._digests[folder] = folder_digest(folder)
            except OSError as error:
                raise RowRefusedError(
                    f"{self._where(config)}: Models to Add: {error.filename}: {error.strerror}; "
                    "valid is a folder that can be read"
                ) from error
        return self._digests[folder]


def folder_digest(folder: Path) -> str:
    """SHA-256 (hex) of the folder's files: names, sizes and contents; of large files the time of change instead.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for name, path in sorted(files.items()):
        status = path.stat()
        whole = status.st_size <= _HASHED_WHOLE_BYTES
        content = hashlib.sha256(path.read_bytes()).hexdigest() if whole else str(status.st_mtime_ns)
        digest.update(f"{name}\0{status.st_size}\0{content}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _meter_of(choice: str) -> str:
    """The meter as a spec names it: the file of a replay by its absolute path."""
    name, colon, file = choice.partition(":")
    if name not in METER_NAMES or bool(colon) != (name == "replay"):
        valid = ", ".join(name if name != "replay" else "replay:FILE" for name in METER_NAMES)
        raise UsageError(f"--meter {choice!r} is not one of {valid}")
    return f"{name}:{Path(file).expanduser().resolve()}" if colon else name


def _prompts_of(file: Path | None) -> tuple[Path, str] | None:
    """The absolute path of the prompts file and the SHA-256 (hex) of its bytes."""
    if file is None:
        return None
    path = file.expanduser().resolve()
    try:
        return path, hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"--prompts-file {path}: cannot be read: {error.strerror}; "
            "valid is a CSV, JSON, JSONL, Parquet or text file"
        ) from error
