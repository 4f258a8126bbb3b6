import pytest

from energy_score.contract.model_config import ParameterValue
from energy_score.host.sheet.chat_template_cell import parse_chat_template_cell


@pytest.mark.parametrize(
    ("cell", "parameters"),
    [
        ("reasoning: True\n", {"reasoning": True}),
        ("Reasoning: false", {"reasoning": False}),
        ("enable_thinking=True", {"enable_thinking": True}),
        ("reasoning_effort: high", {"reasoning_effort": "high"}),
        (
            "  reasoning: True\r\n  reasoning_params:\r\n    reasoning_effort: high",
            {"reasoning": True, "reasoning_effort": "high"},
        ),
        ("budget=512, temperature=0.5; name='x'", {"budget": 512, "temperature": 0.5, "name": "x"}),
        ('{"enable_thinking": true}', {"enable_thinking": True}),
        ('{"reasoning_params": {"reasoning_effort": "high"}, "x": 1}', {"reasoning_effort": "high", "x": 1}),
        ("chat_template_kwargs={'enable_thinking': False}", {"enable_thinking": False}),
        ("reasoning_params:\n\u00a0\u00a0reasoning_effort:\u00a0high\u00a0", {"reasoning_effort": "high"}),
        ("`enable_thinking=False`", {"enable_thinking": False}),
        ("- enable_thinking: True.", {"enable_thinking": True}),
        ("level = -3", {"level": -3}),
        ("key: null\nother=", {}),
        ("N/A (default)", {}),
        ("N/A", {}),
        ("default", {}),
        ("", {}),
        ("Thinking Mode: Prepend input with <think>.", {}),
        ("note: this model always thinks", {}),
        ("see https://example.org/card", {}),
        ("https://example.org/card", {}),
        ("a=b=c", {}),
        ("x: 99999999999999999999", {"x": "99999999999999999999"}),
    ],
)
def test_pairs_are_read_among_prose(cell: str, parameters: dict[str, ParameterValue]) -> None:
    read = dict(parse_chat_template_cell(cell).parameters)
    assert read == parameters
    assert [type(value) for value in read.values()] == [type(value) for value in parameters.values()]


@pytest.mark.parametrize(
    ("cell", "prefix", "suffix"),
    [
        ("Thinking Mode: Prepend input with <think>.", "<think>", ""),
        ("Prepend the prompt with `<think>`", "<think>", ""),
        ("Slow-Thinking Mode (Default): /think before the prompt.", "/think ", ""),
        ("Put '/no_think' before the user prompt", "/no_think ", ""),
        ("/no_think after the prompt", "", " /no_think"),
        ("Append input with /no_think.", "", " /no_think"),
        ("Reasoning OFF Mode: /no_think in the system prompt.", "", ""),
        ("Written down before the prompt was known.", "", ""),
        ("The default chat template includes <think>.", "", ""),
        ("N/A (default)", "", ""),
    ],
)
def test_the_documented_sentences_put_text_around_the_prompt(cell: str, prefix: str, suffix: str) -> None:
    read = parse_chat_template_cell(cell)
    assert (read.prefix, read.suffix) == (prefix, suffix)
