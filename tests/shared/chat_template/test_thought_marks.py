import pytest

from energy_score.shared.chat_template.thought_marks import find_thoughts, thought_state


@pytest.mark.parametrize(
    ("prompt_end", "state"),
    [
        ("<|im_start|>assistant\n<think>\n", "open"),
        ("assistant\n<think>\n\n</think>\n\n", "closed"),
        ("<\uff5cAssistant\uff5c></think>", "closed"),
        ("<|START_THINKING|>", "open"),
        ("<|START_THINKING|><|END_THINKING|>", "closed"),
        ("<seed:think>\n<seed:cot_budget_reflect>none</seed:cot_budget_reflect>\n</seed:think>", "closed"),
        ("[/INST][THINK]", "open"),
        ("[THINK][/THINK]", "closed"),
        ("<|channel>thought\n<channel|>", "closed"),
        ("<|channel|>analysis<|message|>", "open"),
        ("◁think▷", "open"),
        ("◁/think▷", "closed"),
        ("<|begin_of_thought|>", "open"),
        ("<|end_of_thought|>", "closed"),
        ("<|inner_prefix|>", "open"),
        ("<|im_start|>assistant\n", None),
        ("I think therefore <b>I am</b>", None),
    ],
)
def test_the_end_of_a_prompt_is_open_or_closed(prompt_end: str, state: str | None) -> None:
    assert thought_state(prompt_end) == state


@pytest.mark.parametrize(
    ("answer", "opened", "thoughts", "thinks"),
    [
        ("<think>Hm.</think>Yes", False, ["<think>Hm.</think>"], True),
        ("Hm.</think>Yes", True, ["Hm.</think>"], True),
        ("Hm.</think>Yes", False, ["Hm.</think>"], True),
        ("Hm, and on", True, ["Hm, and on"], True),
        ("<think>\n\n</think>\n\nYes", False, ["<think>\n\n</think>"], False),
        ("</think>Yes", True, ["</think>"], False),
        ("Yes", False, [], False),
        ("", True, [], False),
        ("[THINK]Hm[/THINK]Yes", False, ["[THINK]Hm[/THINK]"], True),
        (
            "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>Yes<|return|>",
            False,
            ["<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>"],
            True,
        ),
        ("<|channel|>final<|message|>Yes", False, ["<|channel|>final<|message|>"], False),
        ("<think><think>Hm</think>Yes", False, ["<think><think>Hm</think>"], True),
        ("<think>a</think>b<think>c</think>d", False, ["<think>a</think>", "<think>c</think>"], True),
    ],
)
def test_thoughts_are_told_from_the_answer(answer: str, *, opened: bool, thoughts: list[str], thinks: bool) -> None:
    found = find_thoughts(answer, opened=opened)
    assert [answer[start:end] for start, end in found.spans] == thoughts
    assert found.any == thinks
