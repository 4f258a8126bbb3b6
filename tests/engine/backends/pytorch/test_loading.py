import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from energy_score.contract.errors import ModelLoadError
from energy_score.contract.run_spec import GenerationSettings, GpuRequirement
from energy_score.engine.backends.pytorch.loading import get_context_length
from energy_score.engine.backends.pytorch.read_back import get_quantization, read_back
from energy_score.engine.query import TokenLimits
from tests.engine.backends.pytorch.conftest import Load


def test_what_was_loaded_is_read_back(load_task: Load) -> None:
    facts = load_task("text_classification", "bert-classifier-tiny").facts
    assert (facts.dtype, facts.devices, facts.attention) == ("float32", ("cpu",), "sdpa")
    assert (facts.quantization, facts.offloaded, facts.context_length, facts.notes) == (None, False, 64, ())


def test_weights_that_the_checkpoint_lacks_are_told(load_task: Load) -> None:
    (note,) = load_task("text_classification", "bert-encoder-tiny").facts.notes
    assert note.startswith("2 weights are not in the checkpoint and were made at random: classifier.bias")


def test_spreading_by_accelerate_on_a_machine_without_gpus_offloads_nothing(load_task: Load) -> None:
    spread = load_task("text_gen", "Qwen3-tiny", gpu_requirement=GpuRequirement(device_map="auto"))
    assert (spread.facts.devices, spread.facts.offloaded) == (("cpu",), False)


@pytest.mark.parametrize(
    ("task", "name"),
    [("image_gen", "stable-diffusion-tiny"), ("sentence_similarity", "sentence-transformer-tiny")],
)
def test_a_device_map_that_would_have_no_effect_is_refused(load_task: Load, task: str, name: str) -> None:
    with pytest.raises(ModelLoadError, match="is not spread over GPUs; leave out the device map"):
        load_task(task, name, gpu_requirement=GpuRequirement(device_map="auto"))


@pytest.mark.parametrize(
    ("placement", "offloaded"),
    [
        ({"": 0}, False),
        ({"a": 0, "b": 1}, False),
        ({"a": 0, "b": "cpu"}, True),
        ({"a": 0, "b": "disk"}, True),
        ({"": "cpu"}, False),
    ],
)
def test_a_part_on_the_cpu_or_a_disk_is_offloaded_only_beside_gpus(
    load_task: Load, placement: dict[str, Any], *, offloaded: bool
) -> None:
    loaded = load_task("text_gen", "Qwen3-tiny")
    loaded.inside.modules[0].hf_device_map = placement
    source: Any = SimpleNamespace(commit=None, notes=[], spec=SimpleNamespace(no_weights=False))
    assert read_back(source, loaded.inside).offloaded is offloaded


def test_the_tokenizer_may_come_from_elsewhere(load_task: Load, all_tasks: Path, tmp_path: Path) -> None:
    for file in (all_tasks / "models" / "Qwen3-tiny").iterdir():
        if "token" not in file.name and "template" not in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    processor = str(all_tasks / "models" / "Qwen3-tiny")
    loaded = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path), processor=processor)
    assert loaded.ask(TokenLimits(1, 1), text="a")[0].rendered.startswith("<|im_start|>user")
    with pytest.raises(ModelLoadError, match="Leave out the processor"):
        load_task("image_gen", "stable-diffusion-tiny", processor=processor)


def test_the_method_of_quantization_is_told_unless_it_was_undone_while_loading() -> None:
    module: Any = torch.nn.Linear(1, 1)
    assert get_quantization(module) is None
    module.hf_quantizer = SimpleNamespace(quantization_config=SimpleNamespace(quant_method="fp8"))
    assert get_quantization(module) == "fp8"
    module.hf_quantizer.quantization_config.dequantize = True
    assert get_quantization(module) is None


def test_a_static_cache_is_declined_and_told(load_task: Load, all_tasks: Path, tmp_path: Path) -> None:
    for file in (all_tasks / "models" / "Qwen3-tiny").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "generation_config.json"
    config.write_text(config.read_text().replace("{", '{"cache_implementation": "static",', 1))
    loaded = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path))
    (note,) = loaded.facts.notes
    assert note.startswith("the model's generation config asks for cache_implementation=static: not used")
    used = loaded.inside._generator._config(TokenLimits(1, 1))
    assert (used.cache_implementation, used.disable_compile) == (None, True)


@pytest.mark.parametrize(
    "own",
    [
        {"cache_implementation": "static"},
        {"max_time": 1e-6},
        {"prompt_lookup_num_tokens": 3},
        {"return_dict_in_generate": True},
        {"num_return_sequences": 2, "num_beams": 2},
        {"min_length": 50},
        {"use_cache": False},
        {"guidance_scale": 2.0},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"dola_layers": "high"},
        {"stop_strings": ["two", "e", "a", "<"]},
    ],
    ids=lambda own: next(iter(own)),
)
def test_a_models_own_generation_config_changes_neither_the_tokens_nor_the_cache(
    load_task: Load, all_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, object]
) -> None:
    """What generate really does: it puts the model's own values where the given config has None."""
    for file in (all_tasks / "models" / "Qwen3-tiny").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "generation_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | own))
    loaded = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path))
    model, caches = loaded.inside.modules[0], []
    forward = model.forward

    def watched(**inputs: Any) -> object:
        caches.append(type(inputs["past_key_values"]).__name__)
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", watched)
    _, completion = loaded.ask(TokenLimits(10, 10), text="one two one two one two")
    assert (completion.completion_tokens, completion.finish_reason, len(completion.output)) == (10, "length", 10)
    assert caches == ["DynamicCache"] * 10


@pytest.mark.parametrize(
    ("positions", "tokenizer_length", "expected"),
    [(514, 512, 512), (512, 10**30, 512), (None, 512, 512), (None, 10**30, None)],
)
def test_the_context_is_the_least_of_what_config_and_tokenizer_say(
    positions: int | None, tokenizer_length: int, expected: int | None
) -> None:
    text = SimpleNamespace() if positions is None else SimpleNamespace(max_position_embeddings=positions)
    config: Any = SimpleNamespace(get_text_config=lambda: text)
    tokenizer: Any = SimpleNamespace(model_max_length=tokenizer_length)
    assert get_context_length(config, tokenizer) == expected


@pytest.mark.parametrize(
    ("own", "note"),
    [
        ({"guidance_scale": 2.0}, "asks for guidance_scale=2.0: not used"),
        ({"use_cache": False}, "asks for use_cache=False: not used"),
        ({"penalty_alpha": 0.6}, "asks for penalty_alpha=0.6: not used"),
        ({"max_time": 0.5}, "asks for max_time=0.5: not used"),
        ({"repetition_penalty": 1.3}, "has repetition_penalty=1.3, which is in effect"),
        ({"stop_strings": ["two"]}, "stop_strings are off: every answer has the same number of tokens"),
    ],
)
def test_what_a_generation_config_would_change_is_told(
    load_task: Load, all_tasks: Path, tmp_path: Path, own: dict[str, object], note: str
) -> None:
    for file in (all_tasks / "models" / "Qwen3-tiny").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "generation_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | own))
    exact = GenerationSettings(min_new_tokens=10, max_new_tokens=10, dtype="float32", seed=42)
    loaded = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path), generation=exact)
    assert [known for known in loaded.facts.notes if note in known]


def test_an_answer_of_natural_length_ends_at_the_models_stop_strings(
    load_task: Load, all_tasks: Path, tmp_path: Path
) -> None:
    for file in (all_tasks / "models" / "Qwen3-tiny").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    natural = GenerationSettings(min_new_tokens=1, max_new_tokens=20, dtype="float32", seed=42)
    free = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path), generation=natural)
    whole = free.ask(TokenLimits(1, 20), text="one two")[1]
    read = [free.inside._tokenizer.decode([token]) for token in whole.output.tolist()]
    words = next(word for word in read[2:] if word.isascii() and word.strip())
    last = read.index(words) + 1
    config = tmp_path / "generation_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"stop_strings": [words]}))
    stopping = load_task("text_gen", "Qwen3-tiny", model_path=str(tmp_path), generation=natural)
    _, completion = stopping.ask(TokenLimits(1, 20), text="one two")
    assert completion.completion_tokens == last < (whole.completion_tokens or 0)
    assert completion.finish_reason == "stop"
