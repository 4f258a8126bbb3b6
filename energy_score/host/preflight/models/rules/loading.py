"""Rules about what is loaded before the weights: config, tokenizer, chat template, and no code of the repository."""

from collections.abc import Mapping
from typing import Any

from energy_score.host.preflight.models.facts import TOKENIZER_CONFIG, ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question
from energy_score.host.preflight.models.surroundings import transformers_version

_ASK_AGAIN = "ask again where the Hub answers"
_OPT_IN = "Trust Remote Code"
# A vocabulary of any kind, or code that makes one. Source: transformers, the vocabulary files of its tokenizers.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json", "modules.json", TOKENIZER_CONFIG)
_VOCABULARY_ENDINGS = (".model", ".tiktoken", ".spm", ".bpe")
_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
# What transformers knows a config of timm by, which names no model_type.
_OF_TIMM = "pretrained_cfg"
_MEDIA_TASKS = ("image_classification", "object_detection", "image_captioning", "asr")


def config(question: Question) -> Finding:
    """The model says what it is, in words that transformers knows."""
    facts, index_file = question.facts, question.task.index_file
    if facts.index is None:
        if facts.index_fault is None:
            return Finding("config", "warn", "unknown: no access", "see the rule access")
        if facts.index_fault.startswith("unknown"):
            return Finding("config", "warn", facts.index_fault, _ASK_AGAIN)
        is_there = index_file in facts.files
        if facts.is_partial and not is_there:
            return Finding("config", "warn", f"unknown: the cache holds no {index_file}", _ASK_AGAIN)
        remedy = "repair it" if is_there else f"every model of {question.task.name} has one: is the task right?"
        return Finding("config", "fail", facts.index_fault, remedy, bars_run=True)
    if index_file != "config.json":
        return Finding("config", "pass", f"{index_file}: {facts.index.get('_class_name', 'of an unnamed class')}")
    return _model_type(facts.index, question.here.model_types)


def _model_type(index: Mapping[str, Any], known: frozenset[str] | None) -> Finding:
    """Whether the named type is one of those that are ``known`` to the run, None where nobody can tell."""
    model_type = index.get("model_type")
    if model_type is None and _OF_TIMM in index:
        remedy = "its runs load it where the package timm is installed"
        return Finding("config", "warn", "a model of timm; unknown whether the run has that package", remedy)
    if not isinstance(model_type, str):
        return Finding("config", "fail", "names no model_type", "complete its config.json", bars_run=known is not None)
    if known is None:
        remedy = "what the run's own transformers knows is seen when it loads"
        return Finding("config", "warn", f"model_type {model_type}; unknown whether it is known to the run", remedy)
    if model_type not in known and "auto_map" not in index:
        found = f"model_type {model_type!r} is not known to transformers {transformers_version()}"
        return Finding("config", "fail", found, "a later version may know it", bars_run=True)
    return Finding("config", "pass", f"model_type {model_type}")


def remote_code(question: Question) -> Finding | None:
    """No code of the repository is needed."""
    facts, known = question.facts, question.here.model_types
    if facts.index is None:
        return None
    of_model, of_tokenizer = ("auto_map" in (part or {}) for part in (facts.index, facts.tokenizer_config))
    if not of_model and not of_tokenizer:
        return Finding("remote_code", "pass", "none")
    if question.spec.trust_remote_code:
        found = f"the repository's own code runs, as the column {_OPT_IN} allows"
        return Finding("remote_code", "fail", found, "only models that load without it are rated")
    is_known = None if known is None else not of_model or str(facts.index.get("model_type")) in known
    if is_known is None or (is_known and of_tokenizer):
        whose = "" if of_model else " for its tokenizer"
        remedy = f"if the run cannot load it: {_OPT_IN} = yes, for code that you have read"
        found = f"it brings code of its own{whose}; unknown whether that is needed"
        return Finding("remote_code", "warn", found, remedy)
    if is_known:
        return Finding("remote_code", "pass", "it brings code of its own, which is neither needed nor run")
    found = f"it needs the repository's own code, and the column {_OPT_IN} does not say yes"
    remedy = f"{_OPT_IN} = yes, for code that you have read; such a model is not rated"
    return Finding("remote_code", "fail", found, remedy, bars_run=True)


def tokenizer(question: Question) -> Finding | None:
    """There is what turns a query into the model's input."""
    facts, spec, task = question.facts, question.spec, question.task
    if task.index_file != "config.json":
        return None
    if spec.processor is not None:
        return Finding("tokenizer", "pass", f"that of {spec.processor}, as ordered")
    if task.name in _MEDIA_TASKS:
        return _preprocessor(facts)
    found = next((name for name in facts.files if name in _VOCABULARIES or name.endswith(_VOCABULARY_ENDINGS)), None)
    if found is not None:
        return Finding("tokenizer", "pass", found)
    if facts.is_partial:
        return Finding("tokenizer", "warn", "unknown: the cache holds none", _ASK_AGAIN)
    remedy = "add the tokenizer's files to the model; run has backend.processor to take another's"
    return Finding("tokenizer", "fail", "no tokenizer among its files", remedy, bars_run=True)


def _preprocessor(facts: ModelFacts) -> Finding:
    """There is what prepares images or sound."""
    found = next((name for name in _PREPROCESSORS if name in facts.files), None)
    if found is not None:
        return Finding("tokenizer", "pass", found)
    remedy = "the run falls back on what the model's type has by default, if anything"
    return Finding("tokenizer", "warn", f"none of {', '.join(_PREPROCESSORS)}", remedy)


def loads(question: Question) -> Finding | None:
    """Config and tokenizer load with trust_remote_code=False: they were loaded."""
    result = question.here.loaded
    if result is None:
        return None
    if result.unknown is not None:
        return Finding("loads", "warn", f"unknown: {result.unknown}")
    if result.fault is None:
        return Finding("loads", "pass", f"by transformers {transformers_version()}, trust_remote_code=False")
    # With the row's own opt-in the run loads it in another way.
    return Finding(
        "loads", "fail", result.fault, "see what the message says", bars_run=not question.spec.trust_remote_code
    )


def chat_template(question: Question) -> Finding | None:
    """There is a chat template, as the row's switches and messages need one."""
    facts, plan = question.facts, question.spec.prompt_plan
    if question.task.name != "text_gen" or question.spec.processor is not None:
        return None
    has_template = facts.has_chat_template
    if has_template is None:
        return Finding("chat_template", "warn", "unknown: the tokenizer's config could not be read")
    if has_template:
        return Finding("chat_template", "pass", "there is one")
    switches = ", ".join(f"{name}={value}" for name, value in plan.chat_template_kwargs.items())
    # A server may render Mistral's models by their own package, without any template of the tokenizer.
    is_lost = plan.system_prompt is not None and question.spec.backend != "vllm"
    told = switches or ("a system prompt" if is_lost else "")
    if told and plan.template_fallback == "raw":
        remedy = "leave the state at 'Off (N/A)' for a base model"
        found = f"none, so {told} cannot be transmitted"
        return Finding("chat_template", "fail", found, remedy, bars_run=question.spec.strict_modes)
    remedy = "right for a base model; add chat_template.jinja to a chat model"
    return Finding("chat_template", "warn", "none: queries are sent as plain text", remedy)
