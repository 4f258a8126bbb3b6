from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from energy_score.contract.errors import ModelLoadError, QueryError
from energy_score.contract.prompt_plan import PromptPlan
from energy_score.contract.run_spec import GenerationSettings, RunSpec
from energy_score.engine.backends.pytorch.backend import PyTorchBackend
from energy_score.engine.query import TokenLimits

MakeSpec = Callable[..., RunSpec]


def generation(low: int, high: int, dtype: str = "float32") -> GenerationSettings:
    return GenerationSettings.model_validate(
        {"min_new_tokens": low, "max_new_tokens": high, "dtype": dtype, "seed": 42}
    )


def text_of(backend: PyTorchBackend) -> Any:
    return backend._loaded


def model_of(backend: PyTorchBackend) -> Any:
    return backend._loaded.modules[0]


@pytest.fixture
def load(tiny_models: Path, make_spec: MakeSpec) -> Callable[..., PyTorchBackend]:
    def loaded(name: str = "Qwen3-tiny", **changes: object) -> PyTorchBackend:
        torch.set_num_threads(1)
        spec: dict[str, object] = {
            "model_id": f"./{name}", "model_path": str(tiny_models / name), "revision": None,
            "generation": generation(10, 10),
        }  # fmt: skip
        backend = PyTorchBackend(make_spec(**(spec | changes)))
        backend.model = backend.load()  # type: ignore[attr-defined]
        return backend

    return loaded


@pytest.mark.parametrize("name", ["Qwen3-tiny", "gpt-oss-tiny", "base-tiny"])
def test_exactly_the_asked_number_of_tokens_comes_with_a_time_for_each(
    load: Callable[..., PyTorchBackend], name: str
) -> None:
    backend = load(name)
    query = backend.prepare({"text": "What is energy?"})
    completion = backend.answer(query, TokenLimits(10, 10))
    assert completion.completion_tokens == 10
    assert len(completion.token_times_s) == 10
    assert list(completion.token_times_s) == sorted(completion.token_times_s)
    assert 0 < completion.token_times_s[-1] <= completion.latency_s
    assert completion.prompt_tokens == query.inputs.shape[1]


def test_every_gpu_that_holds_a_part_of_the_model_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, make_spec: MakeSpec
) -> None:
    parts = [torch.device("cuda", 2), torch.device("cuda", 0), torch.device("cpu"), torch.device("cuda", 1)]
    module = SimpleNamespace(parameters=lambda: [SimpleNamespace(device=device) for device in parts])
    waited_for: list[str] = []
    for name, stand_in in {
        "load_function": lambda way: lambda source: SimpleNamespace(modules=(module,)),
        "read_back": lambda source, loaded: None,
        "ModelSource": SimpleNamespace(of=lambda spec, index_file: None),
    }.items():
        monkeypatch.setattr(f"energy_score.engine.backends.pytorch.backend.{name}", stand_in)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: waited_for.append(str(device)))
    backend = PyTorchBackend(make_spec())
    backend.synchronise()
    assert waited_for == []  # nothing was given to any of them yet, and asking would put a context on them
    backend.load()
    backend.synchronise()
    assert waited_for == ["cuda:0", "cuda:1", "cuda:2"]


def test_answers_are_greedy_and_repeat(load: Callable[..., PyTorchBackend]) -> None:
    backend = load()
    query = backend.prepare({"text": "What is energy?"})
    first, second = (backend.answer(query, TokenLimits(1, 20)) for _ in range(2))
    assert backend.decode(first) == backend.decode(second)
    logits = model_of(backend)(query.inputs).logits[0, -1]
    assert int(first.output[0]) == int(logits.argmax())


def test_one_new_token_is_the_prefill_pass(load: Callable[..., PyTorchBackend]) -> None:
    completion = load().answer(load().prepare({"text": "What is energy?"}), TokenLimits(1, 1))
    assert (completion.completion_tokens, completion.finish_reason) == (1, "length")


def test_an_end_token_stops_the_answer_early(load: Callable[..., PyTorchBackend]) -> None:
    backend = load()
    query = backend.prepare({"text": "What is energy?"})
    free = backend.answer(query, TokenLimits(5, 5))
    model_of(backend).generation_config.eos_token_id = int(free.output[2])
    stopped = backend.answer(query, TokenLimits(1, 6))
    assert stopped.finish_reason == "stop"
    assert (stopped.completion_tokens or 0) <= 3


def test_the_precision_is_read_back_from_the_loaded_model(load: Callable[..., PyTorchBackend]) -> None:
    for dtype in ("float32", "bfloat16"):
        backend = load(generation=generation(10, 10, dtype))
        assert backend.model.dtype == dtype  # type: ignore[attr-defined]


def test_random_weights_come_from_the_configuration_alone_and_are_marked(
    load: Callable[..., PyTorchBackend], tiny_models: Path, tmp_path: Path
) -> None:
    for file in (tiny_models / "Qwen3-tiny").iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    backend = load(model_path=str(tmp_path), no_weights=True)
    assert backend.model.random_weights is True  # type: ignore[attr-defined]
    with_weights = load().model  # type: ignore[attr-defined]
    assert backend.model.parameter_count == with_weights.parameter_count  # type: ignore[attr-defined]


def test_a_prompt_past_the_context_is_a_failed_query_with_both_numbers(load: Callable[..., PyTorchBackend]) -> None:
    with pytest.raises(QueryError, match=r"the prompt has \d+ tokens and 10 must follow, .* holds 2048"):
        load().prepare({"text": "energy " * 2048})


def test_an_answer_ends_where_the_context_ends(load: Callable[..., PyTorchBackend]) -> None:
    backend = load("base-tiny", generation=generation(1, 50))
    text_of(backend).context_length = 20
    query = backend.prepare({"text": "What is energy?"})
    model_of(backend).generation_config.eos_token_id = None
    completion = backend.answer(query, TokenLimits(1, 50))
    assert completion.finish_reason == "context"
    assert (completion.prompt_tokens or 0) + (completion.completion_tokens or 0) == 20


def test_an_empty_prompt_is_a_failed_query(load: Callable[..., PyTorchBackend]) -> None:
    with pytest.raises(QueryError, match="empty"):
        load("base-tiny").prepare({"text": ""})


def test_a_folder_without_a_model_says_that_it_cannot_be_loaded(
    load: Callable[..., PyTorchBackend], tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError, match="cannot be loaded"):
        load(model_path=str(tmp_path))


def test_memory_that_cannot_be_had_is_told_as_such(
    load: Callable[..., PyTorchBackend], tiny_models: Path, tmp_path: Path
) -> None:
    """The real allocator is asked for more than any machine has."""
    for file in (tiny_models / "Qwen3-tiny").iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"intermediate_size": 128', f'"intermediate_size": {2**44}'))
    with pytest.raises(ModelLoadError, match=r"(?i)memory"):
        load(model_path=str(tmp_path), no_weights=True, prompt_plan=PromptPlan())
