"""The rules about the reasoning mode: what was not sent, not seen, or contradicted is not a result of the mode."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from energy_score.contract.model_config import ReasoningMode
from energy_score.contract.prompt_plan import PromptPlan, PromptUse
from energy_score.shared.analysis.rules import reasoning
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.analysis.verdict import RULES, judge

MakeFacts = Callable[..., Facts]
ON, OFF, HIGH, NA = ReasoningMode.ON, ReasoningMode.OFF, ReasoningMode.HIGH, ReasoningMode.NOT_APPLICABLE


def codes(
    make_facts: MakeFacts, mode: ReasoningMode, *, thinking: int | None = None, judged: int | None = None, **use: Any
) -> list[str]:
    facts = make_facts()
    spec = facts.spec.model_copy(update={"reasoning": mode, "reasoning_state": mode.value})
    known: dict[str, Any] = {"sent": PromptPlan(), "source": "template", "kind": "switch", "expressed": True}
    queries = facts.queries.model_copy(update={"thinking": thinking, "judged": judged})
    verdict = judge(
        spec=spec, windows=facts.windows, queries=queries, tokens=facts.tokens, model=facts.model,
        hardware=facts.hardware, prompt=PromptUse.model_validate(known | use),
    )  # fmt: skip
    ours = {"mode_not_expressed", "mode_contradicted", "raw_prompt"}
    return [reason.code for reason in verdict.reasons if reason.code in ours]


def test_every_rule_of_the_mode_is_asked() -> None:
    rules = [
        rule
        for name, rule in inspect.getmembers(reasoning, inspect.isfunction)
        if rule.__module__ == reasoning.__name__ and not name.startswith("_")
    ]
    assert rules
    assert set(rules) <= set(RULES)


@pytest.mark.parametrize(
    ("mode", "kind", "expressed", "thinking", "spoken"),
    [
        (ON, "switch", True, 20, []),
        (ON, "switch", False, 20, ["mode_not_expressed"]),
        (ON, "never", False, 0, ["mode_not_expressed"]),
        (HIGH, "switch", False, 20, ["mode_not_expressed"]),
        (ON, "unknown", False, 0, ["mode_not_expressed", "mode_contradicted"]),
        (ON, "unknown", False, 20, []),
        (OFF, "switch", False, 0, ["mode_not_expressed"]),
        (OFF, "always", False, 20, []),
        (OFF, "unknown", None, 0, []),
        (NA, "always", True, 20, []),
        (ON, "switch", True, 10, []),
        (ON, "switch", True, 9, ["mode_contradicted"]),
        (OFF, "switch", True, 1, []),
        (OFF, "switch", True, 2, ["mode_contradicted"]),
        (OFF, "unknown", None, 2, ["mode_contradicted"]),
        (OFF, "never", True, 20, ["mode_contradicted"]),
        (ON, "switch", True, None, []),
    ],
)
def test_a_result_is_of_its_mode_if_that_was_sent_and_seen(
    make_facts: MakeFacts, *, mode: ReasoningMode, kind: str, expressed: bool | None, thinking: int | None,
    spoken: list[str],
) -> None:  # fmt: skip
    judged = None if thinking is None else 20
    assert codes(make_facts, mode, kind=kind, expressed=expressed, thinking=thinking, judged=judged) == spoken


def test_plain_text_for_a_model_that_is_asked_in_turns_is_a_reason(make_facts: MakeFacts) -> None:
    assert codes(make_facts, NA, raw_reason="no chat template was found") == ["raw_prompt"]
    assert codes(make_facts, NA) == []


def test_a_run_without_prompts_has_no_such_reason(make_facts: MakeFacts) -> None:
    facts = make_facts()
    assert facts.prompt is None
    assert [rule(facts) for rule in (reasoning.mode_is_not_expressed, reasoning.prompt_was_raw)] == [None, None]
