from _typeshed import Incomplete
from collections.abc import Callable as Callable, Iterable
from energy_score.contract.model_config import ModelConfig
from pathlib import Path
from typing import TypeVar

MODEL: Incomplete
PRIORITY: Incomplete
CLASS: Incomplete
TASK: Incomplete
STATE: Incomplete
TEMPLATE: Incomplete
REVISION: Incomplete
TRUST: Incomplete
REQUIRED_COLUMNS: Incomplete
OPTIONAL_COLUMNS: Incomplete
Value = TypeVar('Value')

class ModelConfigParser:
    path: Incomplete
    def __init__(self, path: str | Path) -> None: ...
    def parse(self) -> list[ModelConfig]: ...
    @staticmethod
    def filter_configs(configs: Iterable[ModelConfig], *, model_name: str | None = None, model_class: str | None = None, task: str | None = None, reasoning_state: str | None = None, exact: bool = False) -> list[ModelConfig]: ...

class _Reading:
    def __init__(self, name: str) -> None: ...
    def read(self, data: bytes) -> list[ModelConfig]: ...
