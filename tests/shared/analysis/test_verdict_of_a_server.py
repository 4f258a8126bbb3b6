"""The rules about the server behind an endpoint: each speaks, and each stays silent."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from energy_score.contract.run_report import LoadedModel
from energy_score.contract.run_spec import RunSpec
from energy_score.contract.server_use import ServerTokens, ServerUse
from energy_score.shared.analysis.rules import server as server_rules
from energy_score.shared.analysis.rules.facts import Facts
from energy_score.shared.analysis.verdict import RULES, judge

MakeFacts = Callable[..., Facts]
MakeSpec = Callable[..., RunSpec]

COUNTED = ServerTokens(prompt=100, completion=10)
UNKNOWN = LoadedModel(
    commit=None, dtype=None, devices=None, parameter_count=None, attention=None, random_weights=None, offloaded=None,
    context_length=None,
)  # fmt: skip


def use(**changes: Any) -> ServerUse:
    known = {
        "address": "http://127.0.0.1:8000/v1", "name": "vllm", "version": "0.32.0", "served_model": "tiny/model",
        "managed": False, "interface": "chat", "exact_length": True, "prefix_caching": False, "counted": COUNTED,
        "received": COUNTED, "processes_known": True,
    }  # fmt: skip
    return ServerUse.model_validate(known | changes)


def codes(facts: Facts) -> dict[str, str]:
    verdict = judge(
        spec=facts.spec, windows=facts.windows, queries=facts.queries, tokens=facts.tokens, model=facts.model,
        hardware=facts.hardware, server=facts.server,
    )  # fmt: skip
    return {reason.code: reason.severity for reason in verdict.reasons}


def test_every_rule_of_a_server_is_asked() -> None:
    rules = [
        rule
        for _, rule in inspect.getmembers(server_rules, inspect.isfunction)
        if rule.__module__ == server_rules.__name__
    ]
    assert rules
    assert set(rules) <= set(RULES)


def test_a_server_that_tells_everything_and_does_nothing_else_gives_no_reason(make_facts: MakeFacts) -> None:
    assert codes(make_facts(server=use())) == {}


def test_a_model_of_which_nothing_is_told_is_a_warning_and_accuses_nobody(make_facts: MakeFacts) -> None:
    assert codes(make_facts(server=use(), model=UNKNOWN)) == {"model_not_read_back": "warning"}


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"gpu_unseen": "it is remote"}, "server_gpu_unseen", "invalid"),
        ({"prefix_caching": True}, "prefix_caching", "invalid"),
        ({"prefix_caching": None}, "prefix_caching_unknown", "warning"),
        ({"counted": ServerTokens(prompt=101, completion=10)}, "server_did_other_work", "invalid"),
        ({"counted": None}, "server_work_unchecked", "warning"),
        ({"exact_length": False}, "length_not_enforced", "warning"),
        ({"interface": "completions", "interface_guessed": True}, "interface_guessed", "warning"),
        ({"processes_known": False}, "server_processes_unknown", "warning"),
    ],
)
def test_each_doubt_has_its_reason(make_facts: MakeFacts, changes: dict[str, Any], code: str, severity: str) -> None:
    assert codes(make_facts(server=use(**changes))) == {code: severity}


def test_the_remedy_for_prefix_caching_is_named(make_facts: MakeFacts) -> None:
    reason = server_rules.prefixes_are_cached(make_facts(server=use(prefix_caching=True)))
    assert reason is not None
    assert "--no-enable-prefix-caching" in reason.message


def test_counters_are_not_compared_where_queries_failed(make_facts: MakeFacts) -> None:
    outcome = make_facts().queries.model_copy(update={"retried": 1})
    other = use(counted=ServerTokens(prompt=200, completion=20))
    spoken = codes(make_facts(server=other, queries=outcome))
    assert spoken == {"server_work_unchecked": "warning", "retried_queries": "warning"}


def test_concurrent_queries_are_not_comparable(make_facts: MakeFacts, make_spec: MakeSpec) -> None:
    assert codes(make_facts(server=use(), spec=make_spec(concurrency=2))) == {"concurrent_queries": "not_comparable"}
