"""The pytorch backend: one model on the local device, one query at a time."""

import torch
import transformers
from typing_extensions import override

from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.backend import AsksPrompts, Backend
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.backends.pytorch.memory import raise_load_error, raise_query_error
from energy_score.engine.backends.pytorch.read_back import read_back
from energy_score.engine.backends.pytorch.registry import get_base_task, load_function
from energy_score.engine.backends.pytorch.task_model import AsksModel, TaskModel
from energy_score.engine.backends.pytorch.token_clock import TokenClock
from energy_score.engine.query import Completion, PreparedQuery, Row, Thoughts, TokenLimits, WorkPhase
from energy_score.shared.tasks.registry import find_task


class PyTorchBackend(Backend, AsksPrompts):
    """Run the spec's task, greedy, with batch size 1; the task-specific part is in its ``TaskModel``."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._gpus: tuple[torch.device, ...] = ()
        self._loaded: TaskModel

    @property
    @override
    def work_phase(self) -> WorkPhase:
        return self._loaded.work_phase

    @override
    def load(self) -> LoadedModel:
        torch.manual_seed(self._spec.generation.seed)
        way = get_base_task(self._spec.task)
        with raise_load_error(self._spec.model_id):
            source = ModelSource.of(self._spec, index_file=find_task(way).index_file)
            self._loaded = load_function(way)(source)
            self._gpus = _get_gpus(self._loaded)
        # Some models warn at every call of generate; what must be known of a model is in its notes.
        transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        return read_back(source, self._loaded)

    @override
    def prepare(self, row: Row) -> PreparedQuery:
        with raise_query_error():
            return self._loaded.prepare(row)

    @override
    def answer(self, query: PreparedQuery, limits: TokenLimits | None) -> Completion:
        clock = TokenClock()
        with raise_query_error(), torch.inference_mode():
            output = self._loaded.run(query, limits, clock)
            self.synchronise()
        return Completion(
            latency_s=clock.elapsed_s(),
            output=output.value,
            prompt_tokens=output.prompt_tokens,
            completion_tokens=output.completion_tokens,
            token_times_s=tuple(clock.step_times_s),
            finish_reason=output.finish_reason,
            images=output.images,
        )

    @override
    def decode(self, completion: Completion) -> str:
        return self._loaded.decode(completion.output)

    @property
    @override
    def prompt_use(self) -> PromptUse | None:
        return self._loaded.prompt_use if isinstance(self._loaded, AsksModel) else None

    @override
    def find_thoughts(self, completion: Completion) -> Thoughts:
        if not isinstance(self._loaded, AsksModel):
            return Thoughts(thinks=False, thinking_tokens=None, answer_tokens=None)
        return self._loaded.find_thoughts(completion.output)

    @override
    def synchronise(self) -> None:
        for gpu in self._gpus:  # torch itself waits only for the current one
            torch.cuda.synchronize(gpu)


def _get_gpus(loaded: TaskModel) -> tuple[torch.device, ...]:
    """The GPUs that hold a part of the model, and the one that works on what lies elsewhere; none without CUDA."""
    if not torch.cuda.is_available():
        return ()
    holding = {parameter.device for module in loaded.modules for parameter in module.parameters()}
    current = torch.device("cuda", torch.cuda.current_device())
    return (current, *sorted({gpu for gpu in holding if gpu.type == "cuda"} - {current}, key=str))
