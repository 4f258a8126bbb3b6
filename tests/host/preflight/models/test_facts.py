"""Facts about what a listing of files tells of a model, and what stays unknown."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from energy_score.host.preflight.models.facts import (
    TEXT_MAX_BYTES,
    ModelFacts,
    UnreadableError,
    read_file_facts,
)

FILES = {
    "README.md": "---\nlicense: mit\n---\n",
    "config.json": '{"model_type": "llama"}',
    "tokenizer_config.json": '{"chat_template": "{{ messages }}"}',
    "model.safetensors": "",
}


def facts(
    files: dict[str, str], *, read: Callable[[str], str] | None = None, index_file: str = "config.json", **more: Any
) -> ModelFacts:
    sizes: dict[str, int | None] = {name: len(text) for name, text in files.items()}
    told = read_file_facts(sizes, read or files.__getitem__, index_file=index_file)
    return ModelFacts(**({"where": "hub"} | told | more))


def refusing(*readable: str) -> Callable[[str], str]:
    """A gated repository, which gives ``readable`` alone."""

    def read(name: str) -> str:
        if name in readable:
            return FILES[name]
        raise UnreadableError(f"{name}: 403", is_refused=True)

    return read


def test_config_card_template_and_weights_are_read() -> None:
    found = facts(FILES)
    assert (found.index, found.index_fault) == ({"model_type": "llama"}, None)
    assert found.card == FILES["README.md"]
    assert (found.weights.kind, found.weights.names) == ("safetensors", ("model.safetensors",))
    assert (found.has_chat_template, found.has_access) == (True, True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "config.json cannot be read: not an object"),
        ("{", "config.json cannot be read: "),
        ("[" * 90_000, "config.json cannot be read: "),
    ],
)
def test_a_config_that_is_no_object_is_a_fault_in_words(text: str, fault: str) -> None:
    found = facts({**FILES, "config.json": text})
    assert found.index is None
    assert (found.index_fault or "").startswith(fault)


def test_a_config_that_is_not_there_is_said_to_be_missing_and_one_that_nobody_gives_is_unknown() -> None:
    without = {name: text for name, text in FILES.items() if name != "config.json"}
    assert facts(without).index_fault == "there is no config.json"

    def failing(name: str) -> str:
        raise UnreadableError("the Hub answered 500")

    assert facts(FILES, read=failing).index_fault == "unknown: the Hub answered 500"


def test_a_text_that_is_far_too_long_is_not_read() -> None:
    read: list[str] = []

    def noting(name: str) -> str:
        read.append(name)
        return FILES[name]

    sizes = {name: len(text) for name, text in FILES.items()} | {"config.json": TEXT_MAX_BYTES + 1}
    told = read_file_facts(sizes, noting, index_file="config.json")
    assert told["index_fault"] == f"unknown: config.json has {TEXT_MAX_BYTES + 1} bytes"
    assert "config.json" not in read


def test_a_gated_model_gives_its_card_and_nothing_else_is_asked_for_after_the_first_refusal() -> None:
    asked: list[str] = []
    refuse = refusing("README.md")

    def noting(name: str) -> str:
        asked.append(name)
        return refuse(name)

    found = facts(FILES, read=noting)
    assert (found.has_access, found.card) == (False, FILES["README.md"])
    assert (found.index, found.index_fault, found.tokenizer_config) == (None, None, None)
    assert asked == ["config.json", "README.md"]


def test_whether_there_is_access_is_unknown_where_only_the_card_was_read() -> None:
    assert facts({"README.md": FILES["README.md"]}).has_access is None


@pytest.mark.parametrize(
    ("files", "where", "has_template"),
    [
        ({"chat_template.jinja": ""}, "hub", True),
        ({"additional_chat_templates/default.jinja": ""}, "hub", True),
        ({"chat_template.json": "{}"}, "hub", False),  # a processor's alone
        ({"tokenizer_config.json": "{}"}, "hub", False),
        ({"tokenizer_config.json": "no object"}, "hub", None),
        ({}, "hub", False),
        ({}, "cache", None),  # the Hub may have it
    ],
)
def test_a_chat_template_is_there_is_not_or_is_unknown(
    files: dict[str, str], where: str, *, has_template: bool | None
) -> None:
    assert facts(files, where=where).has_chat_template is has_template


def test_an_adapter_names_its_base() -> None:
    adapter = {"adapter_config.json": '{"base_model_name_or_path": "lab/base"}', "adapter_model.safetensors": ""}
    found = facts(adapter)
    assert (found.adapter_base, found.weights.kind) == ("lab/base", "adapter")
    assert facts({**adapter, "adapter_config.json": '{"base_model_name_or_path": 3}'}).adapter_base is None


def test_the_config_of_a_models_language_part_is_its_text_config() -> None:
    outer = {"model_type": "llava", "text_config": {"model_type": "llama"}}
    assert facts({"config.json": json.dumps(outer)}).text_config == {"model_type": "llama"}
    assert facts({"config.json": json.dumps(outer | {"text_config": 3})}).text_config["model_type"] == "llava"
    assert facts({}).text_config == {}
