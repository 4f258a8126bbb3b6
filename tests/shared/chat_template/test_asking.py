"""A template is foreign code: it has a process of its own, and limits."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from energy_score.shared.chat_template.asking import TemplateChild, TemplateChildError
from energy_score.shared.chat_template.template_source import TemplateSource
from tests.shared.chat_template.small_templates import DATED, PLAIN

MESSAGES = [{"role": "user", "content": "Hi"}]
DAY = date(2025, 12, 4)


@pytest.fixture(scope="module")
def child() -> Iterator[TemplateChild]:
    child = TemplateChild(limit_s=2)
    yield child
    child.close()


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = b %}{% endfor %}{% endfor %}",
            "not rendered within",
        ),
        ("{{ 'a' * 99999999999 }}", "MiB"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% if %}", "not a template"),
        ("{{ raise_exception('no user') }}", "no user"),
        ("Hello", "leaves the user's text out"),
    ],
)
def test_a_template_that_cannot_be_asked_is_a_fault_and_the_next_one_is_answered(
    child: TemplateChild, template: str, fault: str
) -> None:
    assert fault in (child.inspect(TemplateSource(template)).fault or "")
    assert child.render(TemplateSource(PLAIN), MESSAGES, day=DAY, kwargs={}) == "[user]Hi[assistant]"


def test_a_prompt_is_rendered_as_of_the_day_that_is_given(child: TemplateChild) -> None:
    prompts = {child.render(TemplateSource(DATED), MESSAGES, day=day, kwargs={}) for day in (DAY, date(2026, 1, 1))}
    assert prompts == {"2025-12-04[user]Hi[assistant]", "2026-01-01[user]Hi[assistant]"}


def test_a_refusal_of_the_template_is_its_message(child: TemplateChild) -> None:
    with pytest.raises(TemplateChildError, match="no such thing"):
        child.render(TemplateSource("{{ raise_exception('no such thing') }}"), MESSAGES, day=DAY, kwargs={})


def test_the_child_has_none_of_the_users_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    child = TemplateChild()
    try:
        child.render(TemplateSource(PLAIN), MESSAGES, day=DAY, kwargs={})
        assert child._process is not None
        environment = Path(f"/proc/{child._process.pid}/environ").read_bytes()
    finally:
        child.close()
    assert b"HF_TOKEN" not in environment
    assert b"PATH=" in environment


def test_a_closed_child_is_gone_and_starts_again() -> None:
    child = TemplateChild()
    child.render(TemplateSource(PLAIN), MESSAGES, day=DAY, kwargs={})
    assert child._process is not None
    process_id = child._process.pid
    child.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    assert child.inspect(TemplateSource(PLAIN)).fault is None
    child.close()
