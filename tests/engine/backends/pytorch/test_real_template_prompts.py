"""Real chat templates on tiny models, loaded as a run loads them: the prompts that are really sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from energy_score.contract.errors import PromptRenderError
from energy_score.contract.model_config import SHEET_STATES, ModelConfig
from energy_score.contract.prompt_plan import PromptUse
from energy_score.contract.run_spec import RunSpec
from energy_score.engine.backends.pytorch.chat_prompts import ChatPrompts
from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.host.sheet.chat_template_cell import parse_chat_template_cell
from examples.tiny_models import tiny_tokenizer
from parameter_handler import ParameterHandler, RunOptions
from tests.support.real_templates import needs_real_templates, real_template

pytestmark = needs_real_templates


def model_with(folder: Path, name: str, template: str, *, file: str = "chat_template.jinja") -> Path:
    """A folder with a tokenizer and nothing else; the template is in ``file``."""
    path = folder / name
    tokenizer = tiny_tokenizer(["<s>", "</s>", "<think>", "</think>", "[INST]", "[/INST]"], end="</s>", template=None)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.save_pretrained(path)
    if file == "chat_template.jinja":
        (path / file).write_text(template, encoding="utf-8")
    else:
        (path / file).write_text(json.dumps({"chat_template": template}), encoding="utf-8")
    return path


def spec_of(path: Path, state: str, cell: str = "", **options: Any) -> RunSpec:
    handler = ParameterHandler(RunOptions(meter="none", **options), sheet_directory=path.parent)
    read = parse_chat_template_cell(cell)
    row = ModelConfig(
        model_id=str(path), priority=1, model_class="A", task="text_gen", reasoning_state=state,
        reasoning_mode=SHEET_STATES[state], reasoning_params=dict(read.parameters), line_number=2,
    )  # fmt: skip
    return handler.resolve(row, run_id="run")


def asked(spec: RunSpec) -> tuple[str, PromptUse]:
    prompts = ChatPrompts.open(ModelSource(spec, None))
    return prompts.renderer.render("Hi there")[0], prompts.use


@pytest.mark.parametrize(
    ("name", "template", "state", "cell", "ending", "expressed"),
    [
        ("MiniMax-M1-80k", "mm__MiniMax-M1", "Off (N/A)", "", "<beginning_of_sentence>ai name=assistant\n", True),
        ("Mistral-Nemo-Instruct-2407", "ik__mistralai-Mistral-Nemo-Instruct-2407", "Off (N/A)", "",
         "<s>[INST]Hi there[/INST]", True),
        ("Qwen3.5-4B", "ik__Qwen3.5-4B", "On", "", "<|im_start|>assistant\n<think>\n", True),
        ("Qwen3.5-4B", "ik__Qwen3.5-4B", "Off", "", "<|im_start|>assistant\n<think>\n\n</think>\n\n", True),
        ("gemma-4-31B-it", "ik__google-gemma-4-31B-it", "On", "", "<|turn>model\n", True),
        ("gemma-4-31B-it", "ik__google-gemma-4-31B-it", "Off", "", "<|channel>thought\n<channel|>", True),
        ("command-a-reasoning-08-2025", "ik__Cohere2MoE", "Off", "reasoning=False",
         "<|START_THINKING|><|END_THINKING|>", True),
        ("Ministral-3-14B-Reasoning-2512", "ik__mistralai-Ministral-3-14B-Reasoning-2512", "Off", "",
         "[SYSTEM_PROMPT]You are a helpful assistant.[/SYSTEM_PROMPT][INST]Hi there[/INST]", True),
        ("gpt-oss-20b", "ik__openai-gpt-oss-120b", "Off", "", "<|start|>assistant", False),
    ],
)  # fmt: skip
def test_a_real_template_renders_the_mode(
    tmp_path: Path, *, name: str, template: str, state: str, cell: str, ending: str, expressed: bool
) -> None:
    prompt, use = asked(spec_of(model_with(tmp_path, name, real_template(template)), state, cell))
    assert "Hi there" in prompt
    assert prompt.endswith(ending)
    assert (use.expressed, use.raw_reason) == (expressed, None)
    assert use.probe_sha256 is not None


def test_gpt_oss_is_the_same_work_on_every_day(tmp_path: Path) -> None:
    model = model_with(tmp_path, "gpt-oss-20b", real_template("ik__openai-gpt-oss-120b"))
    prompt, use = asked(spec_of(model, "On (High)"))
    assert "Current date: 2025-12-04" in prompt
    assert "Reasoning: high" in prompt
    assert (str(use.day), use.prints_date) == ("2025-12-04", True)
    other = spec_of(model, "On (High)").model_copy(update={"prompt_date": use.day and use.day.replace(year=2026)})
    assert "Current date: 2026-12-04" in asked(other)[0]
    assert other.identity() != spec_of(model, "On (High)").identity()


def test_a_template_that_only_the_processor_has_is_found(tmp_path: Path) -> None:
    """As Mistral-Small-3.1 ships its template."""
    template = real_template("ik__Mistral-Small-3.2-24B-Instruct-2506")
    model = model_with(tmp_path, "Mistral-Small-3.1-24B-Instruct-2503", template, file="chat_template.json")
    assert AutoTokenizer.from_pretrained(model).chat_template is None
    prompt, use = asked(spec_of(model, "Off (N/A)"))
    assert prompt.endswith("[INST]Hi there[/INST]")
    assert "2025-12-04" in prompt
    assert use.template_file == "chat_template.json"


def test_an_instruct_model_without_a_template_says_why_its_prompts_are_raw(tmp_path: Path) -> None:
    model = model_with(tmp_path, "Some-Instruct", "", file="other.json")
    assert asked(spec_of(model, "Off (N/A)"))[1].raw_reason is not None
    base = model_with(tmp_path, "gemma-3-1b-pt", "", file="other.json")
    assert asked(spec_of(base, "Off (N/A)"))[1].raw_reason is None


def test_the_engine_refuses_in_strict_modes_what_only_its_template_shows(tmp_path: Path) -> None:
    model = model_with(tmp_path, "Qwen3.5-4B", real_template("ik__Qwen3.5-4B"))
    spec = spec_of(model, "On (High)").model_copy(update={"strict_modes": True})
    with pytest.raises(PromptRenderError, match=r"'On \(High\)' cannot be expressed: .*no such effort"):
        asked(spec)
