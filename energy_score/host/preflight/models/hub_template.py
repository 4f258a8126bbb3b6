"""The chat template of a model on the Hub: its few small files are read, and nothing is written."""

from energy_score.host.preflight.models.hub_requests import UNREADABLE, AbsentError, HubRequests, said
from energy_score.shared.chat_template.template_source import TEMPLATE_FILES, TemplateSource, find_template

_LIMIT_S = 20.0


# What is said of a model whose files were read.
NO_TEMPLATE = "the model has no chat template"


def fetch_template(model_id: str, revision: str | None) -> tuple[TemplateSource | None, str | None]:
    """Return the model's template, or why it is not known: it has none, or the Hub does not give it."""
    hub = HubRequests(heads_limit_s=_LIMIT_S)
    try:
        info = hub.info(model_id, revision)
        names = {file.rfilename for file in info.siblings or ()}
        commit = info.sha or revision or "main"
        texts = {name: hub.text(info.id, name, commit) for name in TEMPLATE_FILES if name in names}
    except AbsentError as error:
        return None, str(error)
    except UNREADABLE as error:
        return None, f"the Hub's answer cannot be read ({said(error)})"
    found = find_template(texts.get)
    return found, None if found is not None else NO_TEMPLATE
