"""The tokenizer of a model that is asked in turns, with its chat template wherever the model keeps that."""

import logging

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from energy_score.engine.backends.pytorch.loading import ModelSource
from energy_score.engine.prompts import find_chat_template, takes_templates
from energy_score.engine.stored_template import find_stored_template
from energy_score.shared.chat_template.template_source import TemplateSource

log = logging.getLogger(__name__)


def load_chat_tokenizer(source: ModelSource) -> tuple[PreTrainedTokenizerBase, TemplateSource | None]:
    """Return the tokenizer, and the template that it renders with; None if it has none, or renders by code.

    A template that is stored with the processor is given to the tokenizer. With mistral-common installed, Mistral's
    models get a tokenizer that knows no templates: where the model has one, it is loaded as any other model's.
    """
    tokenizer = source.tokenizer()
    location = source.spec.processor or source.location
    stored = find_stored_template(location, None if source.spec.processor else source.commit)
    if stored is not None and not takes_templates(tokenizer):
        try:
            tokenizer = source.processor(AutoTokenizer, mistral_format=False)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
            log.warning("the model's chat template is not used: its tokenizer cannot be loaded for it: %s", error)
            return tokenizer, None
    if stored is not None and find_chat_template(tokenizer) is None and takes_templates(tokenizer):
        tokenizer.chat_template = stored.template
    template = find_chat_template(tokenizer)
    if template is None:
        return tokenizer, None
    variables = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    return tokenizer, TemplateSource(
        template,
        file=stored.file if stored is not None else "",
        variables=variables,
        defaults=stored.defaults if stored is not None else {},
    )
