import pytest

from energy_score.contract.errors import RowRefusedError
from energy_score.shared.tasks.registry import TASKS, find_task

# The task table of the method: sheet name, dataset, columns, phases.
TABLE = [
    ("text_gen", "text_generation", ("text",), ("prefill", "decode")),
    ("summarization", "summarization", ("text",), ("prefill", "decode")),
    ("extractive_qa", "extractive_qa", ("question", "context"), ("forward",)),
    ("text_classification", "text_classification", ("text",), ("forward",)),
    ("sentence_similarity", "sentence_similarity", ("sentence1", "sentence2"), ("forward",)),
    ("image_classification", "image_classification", ("image",), ("forward",)),
    ("object_detection", "object_detection", ("image",), ("forward",)),
    ("asr", "ASR", ("audio",), ("prefill", "decode")),
    ("image_gen", "image_generation", ("prompt",), ("call",)),
    ("image_captioning", "image_captioning", ("image",), ("prefill", "decode")),
]


def test_the_ten_tasks_of_the_method_are_registered_in_its_order() -> None:
    assert list(TASKS) == [name for name, *_ in TABLE]


@pytest.mark.parametrize(("name", "dataset", "columns", "phases"), TABLE)
def test_a_task_is_as_the_method_says(
    name: str, dataset: str, columns: tuple[str, ...], phases: tuple[str, ...]
) -> None:
    task = find_task(name)
    assert (task.name, task.phases, task.dataset.columns) == (name, phases, columns)
    assert (task.dataset.name, task.dataset.split) == (f"AIEnergyScore/{dataset}", "train")


@pytest.mark.parametrize(
    ("name", "input_unit", "output_unit"),
    [
        ("text_gen", "token", "token"),
        ("summarization", "token", "token"),
        ("text_classification", "token", None),
        ("object_detection", "image", None),
        ("image_captioning", "image", "token"),
        ("image_gen", "token", "image"),
        ("asr", "second of audio", "token"),
    ],
)
def test_a_task_says_what_its_queries_are_counted_in(name: str, input_unit: str, output_unit: str | None) -> None:
    assert (find_task(name).input_unit, find_task(name).output_unit) == (input_unit, output_unit)


def test_exactly_the_tasks_that_write_tokens_have_token_limits() -> None:
    for task in TASKS.values():
        assert (task.new_tokens is not None) == (task.output_unit == "token"), task.name
        assert (task.new_tokens is not None) == (task.phases == ("prefill", "decode")), task.name


def test_only_text_generation_has_classes_and_half_precision() -> None:
    assert [task.name for task in TASKS.values() if task.has_classes] == ["text_gen"]
    assert [task.name for task in TASKS.values() if task.dtype == "bfloat16"] == ["text_gen"]
    assert {task.dtype for task in TASKS.values()} == {"bfloat16", "float32"}


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("text-generation", "text_gen"),
        ("text_generation", "text_gen"),
        (" Text_Gen ", "text_gen"),
        ("question-answering", "extractive_qa"),
        ("automatic-speech-recognition", "asr"),
        ("text-to-image", "image_gen"),
        ("image-to-text", "image_captioning"),
    ],
)
def test_a_task_is_found_by_its_other_names(alias: str, name: str) -> None:
    assert find_task(alias).name == name


def test_no_name_belongs_to_two_tasks() -> None:
    names = [name for task in TASKS.values() for name in (task.name, *task.aliases)]
    assert len(names) == len(set(names))


def test_an_unknown_task_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(
        RowRefusedError,
        match=r"unknown task 'text2text' .expected one of: text_gen, "
        r".*image_captioning",
    ):
        find_task("text2text")
