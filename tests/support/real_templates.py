"""The real chat templates of ../shared, with the right answers of their models; absent in a plain checkout."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat_templates"
needs_real_templates = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the real chat templates (../shared/data/chat_templates) are not in this checkout"
)


@dataclass(frozen=True)
class ModelFact:
    """One model with its template, and what the person who looked it up found out."""

    model: str
    template: str
    on: Any
    off: Any
    default: str
    levels: Mapping[str, Any]
    prints_date: bool


def model_facts() -> list[ModelFact]:
    """Return the facts of all models; none where the folder is absent."""
    file = FOLDER / "facts.json"
    if not file.exists():
        return []
    return [
        ModelFact(
            entry["model"],
            (FOLDER / entry["template"]).read_text(encoding="utf-8"),
            entry["on"],
            entry["off"],
            entry["default"],
            entry.get("levels", {}),
            entry.get("date_in_prompt", False),
        )
        for entry in json.loads(file.read_text(encoding="utf-8"))
    ]


def real_template(name: str) -> str:
    """Return the text of the file that is called ``name``, without its ending."""
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
