"""The page of cases says what the cases say."""

import re
from pathlib import Path

from energy_score.host.preflight.models.judgement import RULES
from tests.support.model_cases import CASES

PAGE = Path(__file__).resolve().parents[4] / "docs" / "measurements" / "2026-11-24-preflight-cases.md"


def test_the_page_has_every_case_with_what_must_be_found() -> None:
    lines = [line.split(" | ", 2) for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = {
        name.removeprefix("| "): (run, dict(re.findall(r"\*\*(\w+)\*\* (\w+):", rest))) for name, run, rest in lines[1:]
    }
    assert told.pop("connection-refused") == ("may run", {"exists": "warn"})
    assert told == {name: ("refused" if case.bars else "may run", case.finds) for name, case in CASES.items()}


def test_the_document_names_every_rule_and_no_other() -> None:
    page = (PAGE.parent.parent / "preflight.md").read_text(encoding="utf-8")
    table = page.partition("| rule |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(RULES)


def test_the_document_says_which_rules_may_refuse_a_row() -> None:
    page = (PAGE.parent.parent / "preflight.md").read_text(encoding="utf-8")
    never = set(re.findall(r"^\| `(\w+)` \|.*\| \u2013 \|$", page, re.MULTILINE))
    assert never.isdisjoint({name for case in CASES.values() for name in case.bars})
