"""Facts about the command that shows a model's reasoning modes."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import command

SWITCHED = (
    "{{ messages[0].content }}"
    "{% if deliberate is not defined or deliberate %}<think>{% else %}<think></think>{% endif %}"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "chat_template.jinja").write_text(SWITCHED, encoding="utf-8")
    return tmp_path


def test_a_switch_is_found_in_the_template_and_written_as_sheet_rows(model: Path) -> None:
    done = command("modes", str(model), "--class", "a")
    assert done.exit_code == 0
    assert f"{model},1,A,text_gen,Off,deliberate=False" in done.stdout
    assert f"{model},1,A,text_gen,On,deliberate=True" in done.stdout


def test_the_same_as_json(model: Path) -> None:
    found = json.loads(command("modes", str(model), "--json").stdout)
    assert (found["kind"], found["default"]) == ("switch", "on")


def test_a_class_that_there_is_not_is_refused(model: Path) -> None:
    done = command("modes", str(model), "--class", "Z")
    assert done.exit_code == 2
    assert "'Z' is not a class. Use A, B or C." in done.stderr


def test_a_model_without_a_template_was_read_and_one_that_nobody_could_ask_was_not(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "chat_template.jinja").unlink()
    assert command("modes", str(model)).exit_code == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert command("modes", "Qwen/Qwen3-8B").exit_code == 3
