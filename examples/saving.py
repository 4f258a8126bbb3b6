"""How a tiny model reaches its folder: the same weights each time, ready for inference."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel


def save(folder: Path, model: PreTrainedModel, *others: Any) -> None:  # noqa: ANN401 - whatever can save itself
    """Write the model, and the tokenizers or processors that go with it, into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for other in others:
        other.save_pretrained(folder)
    model.eval().save_pretrained(folder)
