"""Each task's tiny models, loaded by the backend as a run would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from energy_score.contract.run_spec import GenerationSettings, RunSpec
from energy_score.engine.backends.pytorch.backend import PyTorchBackend
from energy_score.engine.query import Completion, PreparedQuery, TokenLimits

MakeSpec = Callable[..., RunSpec]


class Loaded:
    """A loaded backend and what it says that it loaded."""

    def __init__(self, spec: RunSpec) -> None:
        torch.set_num_threads(1)
        self.backend = PyTorchBackend(spec)
        self.facts = self.backend.load()

    @property
    def inside(self) -> Any:
        """The model of the task, of whatever kind."""
        return self.backend._loaded

    def ask(self, limits: TokenLimits | None = None, **row: Any) -> tuple[PreparedQuery, Completion]:
        query = self.backend.prepare(row)
        return query, self.backend.answer(query, limits)


Load = Callable[..., Loaded]


@pytest.fixture
def load_task(all_tasks: Path, make_spec: MakeSpec) -> Load:
    def loaded(task: str, name: str, **changes: object) -> Loaded:
        generation = GenerationSettings(min_new_tokens=1, max_new_tokens=10, dtype="float32", seed=42)
        spec: dict[str, object] = {
            "task": task, "model_id": f"./{name}", "model_path": str(all_tasks / "models" / name), "revision": None,
            "generation": generation,
        }  # fmt: skip
        return Loaded(make_spec(**(spec | changes)))

    return loaded
