"""The chat template of a model as far as this machine has it: in its folder or the Hub cache, without any network."""

from pathlib import Path

from energy_score.host.model_files.hub_cache import find_cached_snapshot
from energy_score.shared.chat_template.template_source import TemplateSource, read_template_folder


def read_local_template(
    *, folder: Path | None, model_id: str, revision: str | None, processor: str | None = None
) -> TemplateSource | None:
    """Return the template that a run of the model would find; None if this machine does not have it.

    ``folder`` is that of a local model. ``processor`` has another tokenizer, and with it another template.
    """
    if processor is not None:
        path = Path(processor)
        folder, model_id, revision = (path, "", None) if path.is_absolute() else (None, processor, None)
    if folder is None:
        folder = find_cached_snapshot(model_id, revision)
    return None if folder is None else read_template_folder(folder)
