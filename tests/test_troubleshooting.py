"""The messages that the troubleshooting page explains are those that the program gives."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
GAP = "…"


def explained() -> list[str]:
    """The first cell of every row of the page that is a message."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def told() -> Iterator[str]:
    """Every text of the program, with a gap wherever a value is put in."""
    for path in (*ROOT.glob("*.py"), *(ROOT / "energy_score").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


TOLD = "\n".join(told())


@pytest.mark.parametrize("message", explained())
def test_an_explained_message_is_one_of_the_programs(message: str) -> None:
    pieces = [piece.strip() for piece in message.split(GAP) if len(piece.strip()) > 3]
    assert pieces, "nothing of it is fixed"
    pattern = r"[^\n]*?".join(re.escape(piece) for piece in pieces)
    assert re.search(pattern, TOLD), f"nothing says {message!r}"


def test_there_are_messages_and_each_is_explained_once() -> None:
    assert len(explained()) > 40
    assert len(set(explained())) == len(explained())
