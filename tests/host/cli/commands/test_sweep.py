from pathlib import Path

import pytest

from energy_score.contract.errors import UsageError
from energy_score.host.cli.commands.sweep import states_of, write_sheet
from model_config_parser import ModelConfigParser
from tests.shared.chat_template.small_templates import OFF_UNLESS_TRUE


@pytest.mark.parametrize(
    ("model", "states"),
    [
        ("openai/gpt-oss-20b", ["On (Low)", "On (Medium)", "On (High)"]),
        ("Qwen/Qwen3-8B", ["Off", "On"]),
        ("deepseek-ai/DeepSeek-R1", ["On"]),
    ],
)
def test_a_sweep_has_every_mode_that_the_family_can_express(model: str, states: list[str]) -> None:
    assert states_of(model) == states


def test_a_sweep_of_a_model_without_an_entry_asks_its_chat_template(tmp_path: Path) -> None:
    (tmp_path / "Owl-1").mkdir()
    (tmp_path / "Owl-1" / "chat_template.jinja").write_text(OFF_UNLESS_TRUE, encoding="utf-8")
    assert states_of(str(tmp_path / "Owl-1")) == ["Off", "On"]


def test_a_model_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(UsageError, match="no reasoning switch is known: not in the Hub cache"):
        states_of("someone/something")


def test_a_model_that_has_one_mode_alone_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has On and nothing beside it"):
        write_sheet(tmp_path, "deepseek-ai/DeepSeek-R1", "C")


def test_the_sheet_of_a_sweep_parses_to_one_row_for_each_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models/Qwen3-tiny").mkdir(parents=True)
    sheet = write_sheet(tmp_path / "sweep", "./models/Qwen3-tiny", "A")
    configs = ModelConfigParser(sheet).parse()
    assert [(config.model_id, config.reasoning_state) for config in configs] == [
        ("../models/Qwen3-tiny", "Off"),
        ("../models/Qwen3-tiny", "On"),
    ]


def test_a_folder_that_is_not_there_is_not_an_unknown_family(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such folder"):
        states_of(str(tmp_path / "nowhere"))
