"""Turns a row of the spreadsheet and the batch's options into a complete order for one run."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from energy_score.contract import extensions
from energy_score.contract.choices import METER_CHOICES, METER_WITH_FILE, Dtype, Protocol
from energy_score.contract.errors import CODE_NEEDS_A_CONTAINER, DatasetError, RowRefusedError, UsageError
from energy_score.contract.extensions import extension_names
from energy_score.contract.grid import grid_factor
from energy_score.contract.model_config import ModelConfig, ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.record import Record
from energy_score.contract.run_spec import DatasetRef, GenerationSettings, GpuRequirement, RunSpec
from energy_score.host.model_files.local_template import read_local_template
from energy_score.host.run_specs.endpoint_order import resolve_endpoint_options
from energy_score.host.run_specs.optimum_order import adapt_repeat_policy, refuse_what_optimum_cannot
from energy_score.host.run_specs.placement import Placement
from energy_score.host.run_specs.repeat_order import PROMPT_DATE, resolve_repeat_policy
from energy_score.host.run_specs.row_plan import RowPlan, resolve_prompt_plan
from energy_score.shared.query_data.named_paths import processor_location, prompts_path, why_unreadable
from energy_score.shared.query_data.pinning import folder_digest, pin_dataset
from energy_score.shared.tasks.registry import find_task
from energy_score.shared.tasks.task import Task

# The tasks that each backend can run.
RUNNABLE_TASKS: dict[str, tuple[str, ...]] = {
    # Those with a task model in the engine's backends/pytorch/registry.py; a test compares.
    "pytorch": (
        "text_gen",
        "summarization",
        "extractive_qa",
        "text_classification",
        "sentence_similarity",
        "image_classification",
        "object_detection",
        "asr",
        "image_gen",
        "image_captioning",
    ),
    "vllm": ("text_gen",),
    # Its other tasks are not the method's work: it reads two sentences as one, leaves out the decoding of speech.
    "optimum": ("text_gen", "extractive_qa", "text_classification"),
}


class RunOptions(Record):
    """What the command line says about every run of the batch; None means the default of the method or the task."""

    backend: str = "pytorch"
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
    # Whether a row whose mode cannot be expressed is refused, in place of running it as the model's default.
    strict_modes: bool = False
    # Whether an input longer than the model's context is cut even in tasks that do not do so by themselves.
    truncation: bool | None = None
    prompts_file: Path | None = None
    dataset: str | None = None
    text_column: str | None = None
    protocol: Protocol | None = None
    repeats: Annotated[int, Field(ge=1)] | Literal["auto"] | None = None
    ci_target: float | None = Field(default=None, gt=0, lt=1)
    meter: str = "auto"
    dtype: Dtype | None = None
    seed: int = 42
    # Source: METHOD.md, "Protocol": exactly 10 new tokens with reasoning off, 1 to 8,192 with it on. Other tasks that
    # generate have limits of their own, which a number here replaces (decision 8).
    new_tokens_off: int | None = Field(default=None, ge=1)
    max_new_tokens_on: int = Field(default=8192, ge=1)
    # Limits of the run itself, in every reasoning mode.
    min_new_tokens: int | None = Field(default=None, ge=1)
    max_new_tokens: int | None = Field(default=None, ge=1)
    # Source: METHOD.md, "Energy, phase by phase": warm-up of at least 10 queries.
    warmup_query_count: int = Field(default=10, ge=0)
    region: str = "world"
    save_text: bool = False
    no_weights: bool = False


class ParameterHandler:
    """Resolves rows under one set of options.

    ``sheet_directory`` is what local model folders are relative to, ``sheet_name`` how messages call the spreadsheet
    (or, where there is none, what stands for it).

    Raises:
        UsageError: an option can hold for no row: backend, endpoint, region, meter, prompts file, interval.
    """

    def __init__(self, options: RunOptions, *, sheet_directory: Path, sheet_name: str = "models.csv") -> None:
        self._runnable = _runnable_tasks(options.backend)
        if options.prompts_file is not None and options.dataset is not None:
            raise UsageError("--prompts-file and --dataset name two sources of prompts. Use one of them.")
        if options.ci_target is not None and options.repeats != "auto":
            raise UsageError(
                "--ci sets where --repeats auto stops, and has no effect on a fixed number of repeats. "
                "Use --repeats auto --ci 1%."
            )
        grid_factor(options.region)
        self._endpoint = resolve_endpoint_options(
            backend=options.backend,
            endpoint=options.endpoint,
            managed=options.managed,
            server_command=options.server_command,
            concurrency=options.concurrency,
            meter_gpus=options.meter_gpus,
            without_effect={
                "--no-weights": options.no_weights,
                "truncation": bool(options.truncation),
                "processor": options.processor is not None,
                "device_map": options.device_map is not None,
            },
        )
        refuse_what_optimum_cannot(
            options.backend, {"--save-text": options.save_text, "--no-weights": options.no_weights}
        )
        self._options = options
        self._sheet_directory = sheet_directory
        self._sheet_name = sheet_name
        self._meter = _meter_of(options.meter)
        self._prompts = prompts_path(options.prompts_file)
        self._processor = processor_location(options.processor)
        self._digests: dict[Path, str] = {}
        self._pinned: dict[tuple[str, ...], DatasetRef] = {}

    def plan(self, config: ModelConfig) -> RowPlan:
        """Return the row's prompt plan and notes, whatever the backend can run; RowRefusedError as in ``resolve``.

        The model's chat template is read where this machine has it; nothing is fetched.
        """
        template = read_local_template(
            folder=self._folder_of(config),
            model_id=config.model_id,
            revision=config.revision,
            processor=self._processor,
        )
        try:
            return resolve_prompt_plan(config, template=template, strict_modes=self._options.strict_modes)
        except RowRefusedError as error:
            raise RowRefusedError(f"{self._where(config)}: {error}") from error

    def resolve(self, config: ModelConfig, *, run_id: str, placement: Placement | None = None) -> RunSpec:
        """Return the complete spec of the row's run; without ``placement``, it is not known yet where it will run.

        Raises:
            RowRefusedError: the row asks for what cannot be run; the message says where, what, and what is valid.
        """
        options, task = self._options, self._task_of(config)
        row_plan = self._row_plan(config, task)
        policy, policy_notes = resolve_repeat_policy(
            protocol=options.protocol,
            query_count=options.query_count,
            repeats=options.repeats,
            ci_target=options.ci_target,
        )
        generation = self._generation(config, task)
        if options.backend == "optimum":
            try:
                policy, optimum_notes = adapt_repeat_policy(generation, policy)
            except RowRefusedError as error:
                raise RowRefusedError(f"{self._where(config)}: {error}") from error
            policy_notes = (*policy_notes, *optimum_notes)
        folder = self._folder_of(config)
        spec = RunSpec(
            run_id=run_id,
            image=None if placement is None else placement.image,
            model_id=config.model_id,
            model_path=None if folder is None else str(folder),
            model_digest=None if folder is None else self._digest_of(folder, config),
            model_class=config.model_class,
            revision=config.revision,
            trust_remote_code=config.trust_remote_code,
            no_weights=options.no_weights,
            processor=self._processor,
            task=task.name,
            reasoning_state=config.reasoning_state,
            reasoning=config.reasoning_mode,
            prompt_plan=row_plan.prompt_plan,
            cell=row_plan.cell,
            family=row_plan.family,
            template_sha256=row_plan.template_sha256,
            prompt_date=PROMPT_DATE if task.has_reasoning or task.instruction else None,
            strict_modes=options.strict_modes,
            generation=generation,
            backend=options.backend,
            endpoint=self._endpoint.endpoint,
            server_command=self._endpoint.server_command_for(config),
            concurrency=options.concurrency,
            request_timeout_s=options.request_timeout_s,
            meter=self._meter,
            meter_gpus=self._endpoint.meter_gpus,
            dataset=self._dataset(config, task),
            query_count=options.query_count,
            truncation=task.truncates if options.truncation is None else options.truncation,
            repeat_policy=policy,
            warmup_query_count=options.warmup_query_count,
            gpu_requirement=self._gpu_requirement(config, task),
            save_text=options.save_text,
            region=options.region.strip().lower(),
            notes=(*row_plan.notes, *policy_notes, *self._folder_note(config)),
        )
        if placement is not None and placement.image is None and spec.runs_foreign_code:
            raise RowRefusedError(
                f"{self._where(config)}: Trust Remote Code: {config.model_id}: {CODE_NEEDS_A_CONTAINER}"
            )
        return spec

    def _where(self, config: ModelConfig) -> str:
        return f"{self._sheet_name}:{config.line_number}" if config.line_number else self._sheet_name

    def _task_of(self, config: ModelConfig) -> Task:
        try:
            task = find_task(config.task)
        except UsageError as error:  # unknown, or the package that provides it is broken
            raise RowRefusedError(f"{self._where(config)}: Task: {error}") from error
        if self._runnable is not None and (task.runs_as or task.name) not in self._runnable:
            raise RowRefusedError(
                f"{self._where(config)}: Task: {task.name} cannot be run by this version's {self._options.backend} "
                f"backend (expected one of: {', '.join(self._runnable)})"
            )
        return task

    def _row_plan(self, config: ModelConfig, task: Task) -> RowPlan:
        """The row's prompt plan; a task without reasoning has no states, and one that is told what to do says it."""
        if task.has_reasoning:
            return self._with_known_budget(config, self.plan(config))
        if config.reasoning_mode is not ReasoningMode.NOT_APPLICABLE:
            raise RowRefusedError(
                f"{self._where(config)}: Reasoning State: {config.reasoning_state!r} is refused for {task.name}: its "
                "models have no reasoning mode (expected nothing, N/A, or Off (N/A))"
            )
        if not task.instruction:
            is_empty = not (config.reasoning_params or config.prompt_prefix or config.prompt_suffix)
            notes = () if is_empty else (f"Chat Template cell: has no effect in {task.name}",)
            return RowPlan(PromptPlan(), notes)
        plan = self.plan(config)
        prefix = f"{task.instruction}{plan.prompt_plan.user_prefix}"
        return replace(plan, prompt_plan=plan.prompt_plan.model_copy(update={"user_prefix": prefix}))

    def _with_known_budget(self, config: ModelConfig, plan: RowPlan) -> RowPlan:
        """Return the plan, with a note if the backend cannot apply the row's budget of thinking tokens.

        Raises:
            RowRefusedError: It cannot, and strict modes are on.
        """
        if plan.prompt_plan.thinking_token_budget is None or self._options.backend == "vllm":
            return plan
        fault = f"the {self._options.backend} backend cannot apply a budget of thinking tokens; use --backend vllm"
        if self._options.strict_modes:
            raise RowRefusedError(f"{self._where(config)}: Reasoning State: {config.reasoning_state!r}: {fault}")
        return replace(plan, notes=(*plan.notes, fault), expressed=False)

    def _generation(self, config: ModelConfig, task: Task) -> GenerationSettings:
        """The task's own limits for every row without reasoning; room to think for every row marked On.

        A limit of the run itself moves the other one no further than it must.
        """
        options, low, high = self._options, None, None
        if task.new_tokens is not None:
            low, high = task.new_tokens
            if config.reasoning_mode.thinks:
                low, high = 1, options.max_new_tokens_on
            elif options.new_tokens_off is not None:
                low = high = options.new_tokens_off
            low, high = (
                options.min_new_tokens or min(low, options.max_new_tokens or low),
                options.max_new_tokens or max(high, options.min_new_tokens or high),
            )
        return GenerationSettings(
            min_new_tokens=low, max_new_tokens=high, dtype=options.dtype or task.dtype, seed=options.seed
        )

    def _gpu_requirement(self, config: ModelConfig, task: Task) -> GpuRequirement:
        # Source: METHOD.md, "Protocol": classes A and B run on exactly one GPU. So do tasks without classes: their
        # models are small, and the counter of a GPU that only waits would be added to theirs.
        count = 1 if config.model_class in ("A", "B") or not task.has_classes else None
        options = self._options
        return GpuRequirement(
            count=count if options.gpu_count is None else options.gpu_count, device_map=options.device_map
        )

    def _dataset(self, config: ModelConfig, task: Task) -> DatasetRef:
        options, columns = self._options, task.dataset.columns
        if options.text_column is not None and len(columns) > 1:
            raise RowRefusedError(
                f"{self._where(config)}: Task: --text-column {options.text_column} names one column, but {task.name} "
                f"reads {' and '.join(columns)}; run it without --text-column"
            )
        if self._prompts is not None:
            return self._pinned_prompts(self._prompts, columns, config)
        name = options.dataset or task.dataset.name
        return task.dataset.model_copy(update={"name": name, "text_column": options.text_column})

    def _pinned_prompts(self, path: Path, columns: tuple[str, ...], config: ModelConfig) -> DatasetRef:
        if columns not in self._pinned:
            try:
                self._pinned[columns] = pin_dataset(path, columns, text_column=self._options.text_column)
            except (OSError, DatasetError) as error:
                raise RowRefusedError(f"{self._where(config)}: --prompts-file: {error}") from error
        return self._pinned[columns]

    def _folder_of(self, config: ModelConfig) -> Path | None:
        """The absolute folder of a local model; None for a Hub id."""
        if not config.is_local:
            return None
        try:
            folder = (self._sheet_directory / Path(config.model_id).expanduser()).resolve()
            str(folder).encode()  # the order names it, and is UTF-8
            is_folder = folder.is_dir()
        except (OSError, RuntimeError, UnicodeEncodeError) as error:
            raise RowRefusedError(
                f"{self._where(config)}: Models to Add: {config.model_id!r} is not a path: {error}. Use a Hub id "
                "(org/name), or a folder relative to the spreadsheet."
            ) from error
        if not is_folder:
            raise RowRefusedError(
                f"{self._where(config)}: Models to Add: {config.model_id!r} is not a folder: {folder}. Use a Hub id "
                "(org/name), or a folder relative to the spreadsheet."
            )
        return folder

    def _folder_note(self, config: ModelConfig) -> tuple[str, ...]:
        """Return how to write the folder with the same name as the row's Hub id; nothing for a model that was typed."""
        name = config.model_id
        with suppress(OSError):
            if config.line_number and not config.is_local and (self._sheet_directory / name).is_dir():
                return (f"{name} is read as a Hub id; the folder of that name is written ./{name}",)
        return ()

    def _digest_of(self, folder: Path, config: ModelConfig) -> str:
        if folder not in self._digests:
            try:
                self._digests[folder] = folder_digest(folder)
            except OSError as error:
                raise RowRefusedError(
                    f"{self._where(config)}: Models to Add: {error.filename}: {error.strerror}. "
                    "Use a folder that can be read."
                ) from error
        return self._digests[folder]


def _meter_of(choice: str) -> str:
    """The meter as a spec names it: the file of a replay by its absolute path."""
    name, colon, file = choice.partition(":")
    added = () if name in METER_CHOICES else extension_names(extensions.METERS)
    if name not in (*METER_CHOICES, *added) or bool(colon) != (name == METER_WITH_FILE):
        own = (f"{name}:FILE" if name == METER_WITH_FILE else name for name in METER_CHOICES)
        raise UsageError(f"--meter {choice!r} is not one of {', '.join((*own, *added))}")
    try:
        return f"{name}:{Path(file).expanduser().resolve()}" if colon else name
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"--meter {choice!r}: {why_unreadable(error)} (expected replay:FILE)") from error


def _runnable_tasks(backend: str) -> tuple[str, ...] | None:
    """The tasks that ``backend`` can run; None for one of another package, which only its engine knows.

    Raises:
        UsageError: The backend does not exist.
    """
    if backend in RUNNABLE_TASKS:
        return RUNNABLE_TASKS[backend]
    added = extension_names(extensions.BACKENDS)
    if backend not in added:
        raise UsageError(f"unknown --backend {backend!r} (expected one of: {', '.join((*RUNNABLE_TASKS, *added))})")
    return None
