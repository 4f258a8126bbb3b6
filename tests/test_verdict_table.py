"""The table of verdict reasons in docs/measurement.md says what the rules say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULES = [
    *sorted((ROOT / "energy_score" / "shared" / "analysis" / "rules").glob("*.py")),
    ROOT / "energy_score" / "reports" / "results_table" / "witness_rules.py",
]
SEVERITIES = {"invalid", "not_comparable", "warning"}


def spoken() -> Iterator[tuple[str, str]]:
    """Code and severity of every reason that the rules can give."""
    for path in RULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SEVERITIES:
                code = node.args[0]
                assert isinstance(code, ast.Constant), f"{path.name}:{node.lineno}: a computed code"
                yield str(code.value), node.func.id


def documented() -> list[tuple[str, str]]:
    page = (ROOT / "docs" / "measurement.md").read_text(encoding="utf-8")
    return re.findall(rf"^\| `(\w+)` \| ({'|'.join(SEVERITIES)}) \|", page, re.MULTILINE)


def test_the_page_explains_every_reason_with_its_severity_and_no_other() -> None:
    assert len(documented()) == len(set(documented()))
    assert set(documented()) == set(spoken())


def test_a_code_has_one_severity() -> None:
    codes = [code for code, _ in documented()]
    assert len(codes) == len(set(codes))
