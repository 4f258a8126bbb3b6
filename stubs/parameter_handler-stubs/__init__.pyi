from energy_score.contract.choices import Dtype as Dtype, Protocol as Protocol
from energy_score.contract.model_config import ModelConfig as ModelConfig
from energy_score.contract.record import Record
from energy_score.contract.run_spec import DatasetRef as DatasetRef, RunSpec
from energy_score.host.run_specs.placement import Placement as Placement
from energy_score.host.run_specs.row_plan import RowPlan
from energy_score.shared.tasks.task import Task as Task
from pathlib import Path
from typing import Annotated, Literal

RUNNABLE_TASKS: dict[str, tuple[str, ...]]

class RunOptions(Record):
    backend: str
    endpoint: str | None
    managed: bool
    server_command: str | None
    concurrency: int
    request_timeout_s: float
    meter_gpus: str | None
    processor: str | None
    gpu_count: int | None
    device_map: Literal['auto'] | None
    query_count: int | None
    strict_modes: bool
    truncation: bool | None
    prompts_file: Path | None
    dataset: str | None
    text_column: str | None
    protocol: Protocol | None
    repeats: Annotated[int, None] | Literal['auto'] | None
    ci_target: float | None
    meter: str
    dtype: Dtype | None
    seed: int
    new_tokens_off: int | None
    max_new_tokens_on: int
    min_new_tokens: int | None
    max_new_tokens: int | None
    warmup_query_count: int
    region: str
    save_text: bool
    no_weights: bool

class ParameterHandler:
    def __init__(self, options: RunOptions, *, sheet_directory: Path, sheet_name: str = 'models.csv') -> None: ...
    def plan(self, config: ModelConfig) -> RowPlan: ...
    def resolve(self, config: ModelConfig, *, run_id: str, placement: Placement | None = None) -> RunSpec: ...
