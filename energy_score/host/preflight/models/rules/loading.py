"""Rules for what is loaded before the weights: config, tokenizer, chat template, and the repository's own code."""

from collections.abc import Mapping
from typing import Any

from energy_score.host.preflight.models.facts import TOKENIZER_CONFIG, ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question
from energy_score.host.preflight.models.surroundings import transformers_version

_ASK_AGAIN = "check again when the Hub is available"
_OPT_IN = "Trust Remote Code"
# A vocabulary of any kind, or code that creates one. Source: transformers, the vocabulary files of its tokenizers.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json", "modules.json", TOKENIZER_CONFIG)
_VOCABULARY_ENDINGS = (".model", ".tiktoken", ".spm", ".bpe")
_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
# The key by which transformers recognizes a config of timm, which has no model_type.
_OF_TIMM = "pretrained_cfg"
_MEDIA_TASKS = ("image_classification", "object_detection", "image_captioning", "asr")


def config(question: Question) -> Finding:
    """Check that the model's config names a type that transformers supports."""
    facts, index_file = question.facts, question.task.index_file
    if facts.index is None:
        if facts.index_fault is None:
            return Finding("config", "warn", "unknown: no access", "see the rule access")
        if facts.index_fault.startswith("unknown"):
            return Finding("config", "warn", facts.index_fault, _ASK_AGAIN)
        is_there = index_file in facts.files
        if facts.is_partial and not is_there:
            return Finding("config", "warn", f"unknown: the cache has no {index_file}", _ASK_AGAIN)
        remedy = "repair it" if is_there else f"every {question.task.name} model has one: check the task"
        return Finding("config", "fail", facts.index_fault, remedy, bars_run=True)
    if index_file != "config.json":
        return Finding("config", "pass", f"{index_file}: {facts.index.get('_class_name', 'unnamed class')}")
    return _model_type(facts.index, question.here.model_types)


def _model_type(index: Mapping[str, Any], known: frozenset[str] | None) -> Finding:
    """Check that the type is one of the ``known`` ones of the run; None if those are unknown."""
    model_type = index.get("model_type")
    if model_type is None and _OF_TIMM in index:
        remedy = "runs can load it if the package timm is installed"
        return Finding("config", "warn", "a timm model; unknown whether the run has that package", remedy)
    if not isinstance(model_type, str):
        return Finding("config", "fail", "model_type is missing", "add it to config.json", bars_run=known is not None)
    if known is None:
        remedy = "the run will show whether its version of transformers supports it"
        return Finding("config", "warn", f"model_type {model_type}; unknown whether the run supports it", remedy)
    if model_type not in known and "auto_map" not in index:
        found = f"model_type {model_type!r} is not supported by transformers {transformers_version()}"
        return Finding("config", "fail", found, "a later version may support it", bars_run=True)
    return Finding("config", "pass", f"model_type {model_type}")


def remote_code(question: Question) -> Finding | None:
    """Check that no code from the repository is needed."""
    facts, known = question.facts, question.here.model_types
    if facts.index is None:
        return None
    of_model, of_tokenizer = ("auto_map" in (part or {}) for part in (facts.index, facts.tokenizer_config))
    if not of_model and not of_tokenizer:
        return Finding("remote_code", "pass", "none")
    if question.spec.trust_remote_code:
        found = f"the repository's own code runs, as allowed by the column {_OPT_IN}"
        return Finding("remote_code", "fail", found, "only models that load without it can be rated")
    is_known = None if known is None else not of_model or str(facts.index.get("model_type")) in known
    if is_known is None or (is_known and of_tokenizer):
        whose = "" if of_model else " for its tokenizer"
        remedy = f"if the run cannot load it, set {_OPT_IN} to yes (read the code first)"
        found = f"the repository contains code{whose}; unknown whether it is needed"
        return Finding("remote_code", "warn", found, remedy)
    if is_known:
        return Finding("remote_code", "pass", "the repository contains code, which is neither needed nor run")
    found = f"it needs the repository's own code, but the column {_OPT_IN} is not yes"
    remedy = f"set {_OPT_IN} to yes (read the code first); such a model cannot be rated"
    return Finding("remote_code", "fail", found, remedy, bars_run=True)


def tokenizer(question: Question) -> Finding | None:
    """Check that there are tokenizer or processor files."""
    facts, spec, task = question.facts, question.spec, question.task
    if task.index_file != "config.json":
        return None
    if spec.processor is not None:
        return Finding("tokenizer", "pass", f"from {spec.processor}, as requested")
    if task.name in _MEDIA_TASKS:
        return _preprocessor(facts)
    found = next((name for name in facts.files if name in _VOCABULARIES or name.endswith(_VOCABULARY_ENDINGS)), None)
    if found is not None:
        return Finding("tokenizer", "pass", found)
    if facts.is_partial:
        return Finding("tokenizer", "warn", "unknown: the cache has none", _ASK_AGAIN)
    remedy = "add the tokenizer's files to the model; 'run' can use another model's with backend.processor"
    return Finding("tokenizer", "fail", "no tokenizer files", remedy, bars_run=True)


def _preprocessor(facts: ModelFacts) -> Finding:
    """Check that there are files of an image or audio processor."""
    found = next((name for name in _PREPROCESSORS if name in facts.files), None)
    if found is not None:
        return Finding("tokenizer", "pass", found)
    remedy = "the run uses the default of the model's type, if there is one"
    return Finding("tokenizer", "warn", f"none of {', '.join(_PREPROCESSORS)}", remedy)


def loads(question: Question) -> Finding | None:
    """Check that config and tokenizer were loaded with trust_remote_code=False."""
    result = question.here.loaded
    if result is None:
        return None
    if result.unknown is not None:
        return Finding("loads", "warn", f"unknown: {result.unknown}")
    if result.fault is None:
        return Finding("loads", "pass", f"by transformers {transformers_version()}, trust_remote_code=False")
    # If the row allows foreign code, the run loads it in another way.
    return Finding(
        "loads", "fail", result.fault, "see what the message says", bars_run=not question.spec.trust_remote_code
    )


def chat_template(question: Question) -> Finding | None:
    """Check that there is a chat template if the row's switches or messages need one."""
    facts, plan = question.facts, question.spec.prompt_plan
    if question.task.name != "text_gen" or question.spec.processor is not None:
        return None
    has_template = facts.has_chat_template
    if has_template is None:
        return Finding("chat_template", "warn", "unknown: the tokenizer's config could not be read")
    if has_template:
        return Finding("chat_template", "pass", "present")
    switches = ", ".join(f"{name}={value}" for name, value in plan.chat_template_kwargs.items())
    # A server can render Mistral's models with their own package, without a template in the tokenizer.
    is_lost = plan.system_prompt is not None and question.spec.backend != "vllm"
    told = switches or ("a system prompt" if is_lost else "")
    if told and plan.template_fallback == "raw":
        remedy = "for a base model, use the state 'Off (N/A)'"
        found = f"none, so {told} cannot be used"
        return Finding("chat_template", "fail", found, remedy, bars_run=question.spec.strict_modes)
    remedy = "correct for a base model; for a chat model, add chat_template.jinja"
    return Finding("chat_template", "warn", "none: queries are sent as plain text", remedy)
