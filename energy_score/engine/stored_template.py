"""The chat template in a model's own files: of a folder, or of a Hub model, whose few small files are fetched."""

import importlib.util
from pathlib import Path

from energy_score.shared.chat_template.template_source import (
    GENERATION_CONFIG,
    JINJA_FILES,
    PROCESSOR_FILES,
    TOKENIZER_CONFIG,
    TemplateSource,
    find_template,
    read_template_folder,
)


def find_stored_template(location: str, revision: str | None) -> TemplateSource | None:
    """Return the template of the model at ``location``; None if it has none, or its files cannot be read."""
    if Path(location).is_dir():
        return read_template_folder(Path(location))
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - a run at an endpoint may do without
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415 - as above

    texts: dict[str, str | None] = {}
    for name in (TOKENIZER_CONFIG, GENERATION_CONFIG, JINJA_FILES[0], *PROCESSOR_FILES):
        try:
            texts[name] = Path(hf_hub_download(location, name, revision=revision)).read_text(encoding="utf-8")
        except LocalEntryNotFoundError:
            if name == TOKENIZER_CONFIG:
                return None  # neither cached nor to be had: the other files are no more
        except (OSError, ValueError):  # most models lack most of them
            continue
    return find_template(texts.get)
