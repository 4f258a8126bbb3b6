"""The blocks of a guide that a reader types or writes, in order."""

import re
from pathlib import Path
from typing import NamedTuple

GUIDES = ("first-batch.md", "own-family.md", "own-task.md", "CONTRIBUTING.md")
_BLOCK = re.compile(r"^```(?P<kind>bash|python|\w+ file=(?P<file>\S+))\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """What is typed into a shell or into Python; with ``file`` what is written into that file."""

    kind: str
    file: str | None
    text: str


def blocks_of(guide: Path) -> list[Block]:
    """Every block that does something; ``sh``, ``text`` and the like are for reading."""
    return [Block(found["kind"], found["file"], found["text"]) for found in _BLOCK.finditer(guide.read_text("utf-8"))]
