"""The page of cases says what the cases say."""

import re
from pathlib import Path

from tests.model_cases import CASES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "measurements" / "2026-11-24-preflight-cases.md"


def test_the_page_has_every_case_with_what_must_be_found() -> None:
    lines = [line.split(" | ", 2) for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    told = {
        name.removeprefix("| "): (run, dict(re.findall(r"\*\*(\w+)\*\* (\w+):", rest))) for name, run, rest in lines[1:]
    }
    assert told.pop("connection-refused") == ("may run", {"exists": "warn"})
    assert told == {name: ("refused" if case.bars else "may run", case.finds) for name, case in CASES.items()}
