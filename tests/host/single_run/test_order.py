from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.errors import UsageError
from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.run_spec import RunSpec
from energy_score.host.single_run.composition import compose
from energy_score.host.single_run.order import SingleOrder, resolve_single_order, samples_of
from energy_score.shared.tasks.registry import TASKS, find_task
from parameter_handler import ParameterHandler

CONFIGS = ("summarization", "extractive_qa", "asr", "image_generation", "image_captioning", "object_detection")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model", "a model, (1) 'x' = --y", "tokens"):
        (tmp_path / name).mkdir()
    for name in ("prompts.csv", "a b,(1)='x'.txt", "--privileged"):
        (tmp_path / name).write_text("text\nhello\n", encoding="utf-8")
    return tmp_path


def order(*keys: str, folder: Path = Path(), config: str = "text_generation", model: str = "org/name") -> SingleOrder:
    keys = keys if any(key.startswith("backend.model=") for key in keys) else (f"backend.model={model}", *keys)
    composition = compose(config, keys)
    count = samples_of(composition, asked=None, default=10)
    return resolve_single_order(composition, {}, query_count=count, directory=folder)


def spec(*keys: str, folder: Path = Path(), model: str = "org/name") -> RunSpec:
    ordered = order(*keys, folder=folder, model=model)
    handler = ParameterHandler(ordered.options, sheet_directory=folder, sheet_name="text_generation")
    return handler.resolve(ordered.config, run_id="a_run")


def refusal(*keys: str, folder: Path = Path(), model: str = "org/name") -> str:
    with pytest.raises(UsageError, match=r"expected|Use ") as refused:
        order(*keys, folder=folder, model=model)
    return str(refused.value)


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("backend.model=https://huggingface.co/org/name/tree/v2", "revision", "v2"),
        ("backend.processor=org/other", "processor", "org/other"),
        ("backend.processor=org/name", "processor", None),
        ("backend.processor=null", "processor", None),
        ("backend.device=cpu", "gpu_requirement.count", 0),
        ("backend.device=cuda", "gpu_requirement.count", 1),
        ("backend.device=null", "gpu_requirement.count", 1),
        ("backend.device_ids=3", "gpu_requirement.count", 1),
        ("backend.device_ids=0,1", "gpu_requirement.count", 2),
        ("backend.device_ids=[0,1,2]", "gpu_requirement.count", 3),
        ("backend.device_map=auto", "gpu_requirement.count", None),
        ("backend.device_map=auto", "gpu_requirement.device_map", "auto"),
        ("backend.device_map=null", "gpu_requirement.device_map", None),
        ("backend.torch_dtype=float16", "generation.dtype", "float16"),
        ("backend.torch_dtype=torch.float32", "generation.dtype", "float32"),
        ("backend.torch_dtype=null", "generation.dtype", "bfloat16"),
        ("backend.task=text-generation", "task", "text_gen"),
        ("backend.task=text_gen", "task", "text_gen"),
        ("backend.no_weights=true", "no_weights", True),
        ("backend.no_weights=null", "no_weights", False),
        ("scenario.dataset_name=org/prompts", "dataset.name", "org/prompts"),
        ("scenario.dataset_name=null", "dataset.name", "AIEnergyScore/text_generation"),
        ("scenario.text_column_name=the prompt", "dataset.text_column", "the prompt"),
        ("scenario.num_samples=3", "query_count", 3),
        ("scenario.num_samples=3", "repeat_policy.protocol", "quick"),
        ("scenario.num_samples=null", "query_count", None),
        ("scenario.num_samples=None", "repeat_policy.protocol", "official"),
        ("scenario.truncation=True", "truncation", True),
        ("scenario.truncation=False", "truncation", False),
        ("scenario.reasoning=null", "reasoning", ReasoningMode.NOT_APPLICABLE),
        ("scenario.reasoning=False", "reasoning", ReasoningMode.OFF),
        ("scenario.reasoning='False'", "reasoning", ReasoningMode.OFF),
        ("scenario.reasoning=off", "reasoning", ReasoningMode.OFF),
        ("scenario.reasoning=True", "reasoning", ReasoningMode.ON),
        ("scenario.reasoning=True", "reasoning_state", "On"),
        ("scenario.reasoning_params.reasoning_effort=high", "reasoning_state", "On (High)"),
        ("scenario.reasoning_params={reasoning_effort: low}", "reasoning", ReasoningMode.LOW),
        ("scenario.reasoning_params.budget=500", "prompt_plan.chat_template_kwargs", {"budget": 500}),
        ("scenario.reasoning_params.budget=null", "prompt_plan.chat_template_kwargs", {}),
        ("scenario.reasoning_params.enable_thinking=False", "prompt_plan.chat_template_kwargs",
         {"enable_thinking": False}),
        ("scenario.input_shapes.batch_size=1", "generation.min_new_tokens", 10),
    ],
)  # fmt: skip
def test_every_key_has_its_effect(key: str, field: str, value: object) -> None:
    found: Any = spec(key)
    for part in field.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("limits", "reasoning", "expected"),
    [
        ({}, "False", (10, 10)),
        ({}, "True", (1, 8192)),
        ({"max_new_tokens": 50}, "False", (10, 50)),
        ({"max_new_tokens": 5}, "False", (5, 5)),
        ({"min_new_tokens": 20}, "False", (20, 20)),
        ({"min_new_tokens": 20}, "null", (20, 20)),
        ({"max_new_tokens": 50}, "True", (1, 50)),
        ({"min_new_tokens": 9000}, "True", (9000, 9000)),
        ({"min_new_tokens": 5, "max_new_tokens": 7}, "True", (5, 7)),
        ({"min_new_tokens": 5, "max_new_tokens": 7}, "False", (5, 7)),
    ],
)
def test_both_limits_of_new_tokens_hold_in_every_mode(
    limits: dict[str, int], reasoning: str, expected: tuple[int, int]
) -> None:
    keys = [f"scenario.generate_kwargs.{name}={value}" for name, value in limits.items()]
    settings = spec(*keys, f"scenario.reasoning={reasoning}").generation
    assert (settings.min_new_tokens, settings.max_new_tokens) == expected


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("backend.model=null", "backend.model is missing"),
        ("backend.model=", "backend.model is empty"),
        ("backend.model=not a model", "not a model id"),
        ("backend.model=./nowhere", "backend.model=./nowhere: no such folder"),
        ("backend.model=--privileged", "not a model id"),
        ("backend.processor=./nowhere", "no such folder"),
        ("backend.processor=https://huggingface.co/org/other/tree/v2", "has a revision"),
        ("backend.device=tpu", "expected cuda, cpu, or null"),
        ("backend.device=cuda:1", "backend.device_ids"),
        ("backend.device_ids=first", "not a list of GPUs"),
        ("backend.device_ids=-1", "not a list of GPUs"),
        ("backend.device_ids=0,0", "each once"),
        ("backend.device_ids=[]", "not a list of GPUs"),
        ("backend.device_ids=0,", "not a list of GPUs"),
        ("backend.torch_dtype=auto", "not be comparable"),
        ("backend.torch_dtype=int8", "expected float32, float16, bfloat16"),
        ("backend.device_map=balanced", "expected auto, or null"),
        ("backend.task=asr", "is not the task of --config-name text_generation"),
        ("backend.task=juggling", "Use text_gen, text_generation, text-generation"),
        ("backend.no_weights=perhaps", "expected True or False"),
        ("scenario.dataset_name=nowhere.csv", "no such file"),
        ("scenario.dataset_name=./nowhere", "no such file"),
        ("scenario.dataset_name=", "is empty"),
        ("scenario.text_column_name= ", "is empty"),
        ("scenario.num_samples=0", "whole number from 1"),
        ("scenario.num_samples=-3", "whole number from 1"),
        ("scenario.num_samples=1.5", "whole number from 1"),
        ("scenario.num_samples=true", "whole number from 1"),
        ("scenario.num_samples=many", "whole number from 1"),
        ("scenario.truncation=longest", "expected True or False"),
        ("scenario.reasoning=sometimes", "not a reasoning mode"),
        ("scenario.reasoning=high", "reasoning_params.reasoning_effort"),
        ("scenario.reasoning_params=high", "not a mapping"),
        ("scenario.reasoning_params.reasoning_effort=extreme", "unknown effort (expected one of: low, medium, high)"),
        ("scenario.reasoning_params.budget=[1]", "not a single value"),
        ("scenario.reasoning_params.thinking=True", "contradicts scenario.reasoning=null"),
        ("scenario.generate_kwargs.max_new_tokens=0", "the method's limit"),
        ("scenario.generate_kwargs.min_new_tokens=few", "the method's limit"),
        ("scenario.input_shapes.batch_size=8", "one query at a time (expected 1"),
    ],
)
def test_a_value_without_meaning_is_refused_by_its_key(key: str, words: str) -> None:
    message = refusal(key)
    assert message.startswith(key.partition("=")[0])
    assert words in message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["scenario.reasoning=False", "scenario.reasoning_params.reasoning_effort=low"], "contradicts"),
        (["backend.device=cpu", "backend.device_ids=0"], "backend.device_ids=0: needs GPUs"),
        (["backend.device=cpu", "backend.device_map=auto"], "backend.device_map=auto: needs GPUs"),
        (["scenario.generate_kwargs.min_new_tokens=9", "scenario.generate_kwargs.max_new_tokens=8"], "exceeds"),
        (["scenario.reasoning=True", "scenario.reasoning_params.enable_thinking=False"], "contradicts"),
    ],
)
def test_keys_that_contradict_each_other_are_refused_naming_both(keys: list[str], words: str) -> None:
    message = refusal(*keys)
    assert words in message
    assert all(key.partition("=")[0] in message for key in keys)


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("Qwen/Qwen3-0.6B", "scenario.reasoning_params.thinking=False", "is not a switch of Qwen/Qwen3-0.6B"),
    ],
)
def test_what_a_family_cannot_do_is_refused_in_the_words_of_the_keys(model: str, key: str, words: str) -> None:
    message = refusal(key, model=model)
    assert message.startswith(key)
    assert words in message
    assert "Use scenario.reasoning" in message


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("openai/gpt-oss-20b", "scenario.reasoning=False", "Off cannot be expressed: the model always thinks"),
        ("Qwen/Qwen3-0.6B", "scenario.reasoning_params.reasoning_effort=low", "the model has no such effort"),
        ("Qwen/Qwen2.5-0.5B-Instruct", "scenario.reasoning=True", "no reasoning mode exists; run as default"),
    ],
)
def test_a_mode_that_a_model_cannot_express_runs_and_says_so(model: str, key: str, words: str) -> None:
    ordered = spec(key, model=model)
    assert any(words in note for note in ordered.notes)
    if key.endswith("=False"):
        assert (ordered.generation.min_new_tokens, ordered.generation.max_new_tokens) == (10, 10)


def test_off_and_on_send_what_the_family_says() -> None:
    sent = [
        spec(f"scenario.reasoning={value}", model="Qwen/Qwen3-0.6B").prompt_plan.chat_template_kwargs
        for value in ("False", "True")
    ]
    assert sent == [{"enable_thinking": False}, {"enable_thinking": True}]


def test_an_effort_gives_the_order_of_the_sheets_row(folder: Path) -> None:
    ordered = spec("scenario.reasoning=True", "scenario.reasoning_params.reasoning_effort=high",
                   model="openai/gpt-oss-20b")  # fmt: skip
    assert (ordered.reasoning, ordered.reasoning_state) == (ReasoningMode.HIGH, "On (High)")
    assert ordered.prompt_plan.chat_template_kwargs == {"reasoning_effort": "high"}
    assert ordered.notes == ()


@pytest.mark.parametrize("name", ["model", "a model, (1) 'x' = --y"])
def test_a_folder_is_a_model_whatever_it_is_called(folder: Path, name: str) -> None:
    ordered = spec(f"backend.model=./{name}", folder=folder)
    assert ordered.model_path == str(folder / name)
    assert spec(f"backend.model={folder / name}", folder=Path()).model_path == str(folder / name)


def test_a_folder_as_processor_is_absolute_and_the_models_own_folder_is_none(folder: Path) -> None:
    assert spec("backend.model=./model", "backend.processor=./tokens", folder=folder).processor == str(
        folder / "tokens"
    )
    assert spec("backend.model=./model", f"backend.processor={folder}/tokens/../model", folder=folder).processor is None


def test_a_hub_id_that_is_also_a_folder_says_how_the_folder_is_written(folder: Path) -> None:
    assert "backend.model=./model" in (order("backend.model=model", folder=folder).note or "")
    assert order("backend.model=./model", folder=folder).note is None
    assert "use backend.model=./a model" in refusal("backend.model=a model, (1) 'x' = --y", folder=folder)


@pytest.mark.parametrize("name", ["prompts.csv", "./prompts.csv", "a b,(1)='x'.txt", "--privileged"])
def test_an_existing_file_is_the_data_set_whatever_it_is_called(folder: Path, name: str) -> None:
    dataset = spec(f"scenario.dataset_name={name}", folder=folder).dataset
    assert (dataset.name, dataset.path) == (None, str((folder / name).resolve()))


def test_the_number_of_samples_by_hand_wins_over_the_default_and_agrees_with_the_option() -> None:
    def count(*keys: str, asked: int | None = None, default: int | None = 10) -> int | None:
        return samples_of(compose("text_generation", keys), asked=asked, default=default)

    assert count() == 10
    assert count(default=None) is None
    assert count(asked=5) == 5
    assert count("scenario.num_samples=100") == 100
    assert count("scenario.num_samples=null") is None
    assert count("scenario.num_samples=5", asked=5) == 5
    for key in ("scenario.num_samples=6", "scenario.num_samples=null"):
        with pytest.raises(UsageError, match=f"-n 5 contradicts {key}"):
            count(key, asked=5)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_configuration_of_another_task_orders_that_task(config: str) -> None:
    ordered = order(config=config, model="org/name")
    assert ordered.config.task == find_task(config).name
    assert ordered.config.task in TASKS


def test_a_gpu_is_needed_only_where_a_key_names_one() -> None:
    assert order("backend.device=cuda").needs_gpu
    assert order("backend.device_ids=0").needs_gpu
    assert not order("backend.device=cpu").needs_gpu
    assert not order().needs_gpu
