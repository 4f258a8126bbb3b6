"""Rules about the weights: their format, how many parameters in which precision, and the class that follows."""

from energy_score.contract.model_config import ModelClass
from energy_score.contract.plain_text import counted
from energy_score.host.model_files.loaded_size import OVERHEAD, loaded_bytes_of
from energy_score.host.model_files.parameter_count import parameter_count_of
from energy_score.host.model_files.weight_files import INDEX_ENDING
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question, parameters_text

# Source: METHOD.md, "Before a model is run or submitted", after the seed on submission: 100 B in 16 bits, else 140 B
# times what quantization saves. "GPTQ: varies by bits" is 16 / bits, which gives 2 at 8 bits and 4 at 4 (decision 12).
_LIMIT_16_BIT = 100e9
_LIMIT_BASE = 140e9
_BITS_UNQUANTIZED = 16
# Source: METHOD.md, "Protocol": the most parameters of a class, and the memory of its GPU.
CLASS_MAX_PARAMETERS: tuple[tuple[ModelClass, float], ...] = (("A", 20e9), ("B", 66e9))
CLASS_GPU_BYTES: dict[ModelClass, float] = {"A": 24e9, "B": 80e9, "C": 80e9}
# How configs and safetensors call the precisions that a run can order.
_DTYPES = ("float32", "float16", "bfloat16")
_STORED = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def weights(question: Question) -> Finding:
    """The weights are safetensors, and all of them are there."""
    facts, found = question.facts, question.facts.weights
    bars_run = not question.spec.no_weights
    lacking = _lacking(facts)
    if (unknown := _unknown(facts, lacking)) is not None:
        remedy = "repair it" if facts.where == "folder" else "ask again where the Hub answers"
        return Finding("weights", "warn", f"unknown: {unknown}", remedy)
    if lacking is not None:
        return Finding("weights", "fail", lacking, "upload the rest: no run can load a part", bars_run=bars_run)
    if found.kind == "safetensors":
        if facts.tensors_fault and facts.where != "hub":
            return Finding("weights", "fail", facts.tensors_fault, "save the weights anew", bars_run=bars_run)
        return Finding("weights", "pass", f"safetensors, {counted(len(found.names), 'file')}")
    if found.kind == "pickle":
        remedy = "convert them to safetensors (model.save_pretrained): pickles can run code when they are loaded"
        return Finding("weights", "fail", f"pickles alone, {found.names[0]} the first", remedy)
    return _none_that_a_run_loads(facts)._replace(bars_run=bars_run)


def _none_that_a_run_loads(facts: ModelFacts) -> Finding:
    """What there is instead of weights that a run loads, and what to do about it."""
    found = facts.weights
    base = facts.adapter_base or "a base model that it does not name"
    shown = f" ({', '.join(found.names[:3])})" if found.names else ""
    text, remedy = {
        "adapter": (
            f"an adapter of {base} without the model itself",
            f"merge it into {base} and upload the whole model, or run that model",
        ),
        "gguf": (f"GGUF alone{shown}", "choose the repository that it was made from: GGUF is llama.cpp's format"),
        "other": (f"none that a run loads{shown}", "valid is model.safetensors, or its numbered parts"),
        "none": ("there are none", "valid is model.safetensors, or its numbered parts"),
    }[found.kind]
    return Finding("weights", "fail", text, remedy)


def _lacking(facts: ModelFacts) -> str | None:
    """What the weights lack to be whole, in words; None where nothing does."""
    found = facts.weights
    if found.missing:
        return f"{len(found.missing)} of its files are missing, {found.missing[0]} the first"
    if found.are_numbered and not any(name.endswith(INDEX_ENDING) for name in facts.files):
        return f"the index is missing that tells what its {counted(len(found.names), 'part')} hold"
    return None


def _unknown(facts: ModelFacts, lacking: str | None) -> str | None:
    """Why nobody can tell of the weights here, in words; None where somebody can."""
    if facts.weights.kind == "unknown":
        return "the index that names its files could not be read"
    if facts.is_partial and (lacking is not None or facts.weights.kind not in ("safetensors", "pickle")):
        return "the cache does not hold all of them"
    return None


def parameters(question: Question) -> Finding:
    """The number of parameters is known from the safetensors' own metadata."""
    count = _count(question)
    if count is None:
        facts = question.facts
        packed = f"the weights are packed ({facts.quantization})" if facts.tensors is not None else None
        reason = packed or facts.tensors_fault or "the weights have no safetensors metadata that tells it"
        return Finding("parameters", "warn", f"unknown: {reason}", "rules about size cannot be judged")
    return Finding("parameters", "pass", parameters_text(count))


def size_limit(question: Question) -> Finding:
    """The model is not larger than what is evaluated, by its bits."""
    count, quantization = _count(question), question.facts.quantization
    if count is None:
        return Finding("size_limit", "warn", "unknown: so is the number of parameters")
    limit = _LIMIT_16_BIT
    if quantization is not None:
        if quantization.bits is None:
            return Finding("size_limit", "warn", f"unknown: {quantization}")
        limit = _LIMIT_BASE * _BITS_UNQUANTIZED / quantization.bits
    text = f"{parameters_text(count)}, at most {parameters_text(limit)} {_precision(question)}"
    if count > limit:
        return Finding("size_limit", "fail", text, "ask before submitting it: it is not evaluated by itself")
    return Finding("size_limit", "pass", text)


def precision(question: Question) -> Finding:
    """The order's precision is the one that the config names, or one that holds it."""
    ordered, facts = question.spec.generation.dtype, question.facts
    stated = next(
        (text for key in ("dtype", "torch_dtype") for part in (facts.index or {}, facts.text_config)
         if (text := str(part.get(key) or "").removeprefix("torch.")) in _DTYPES),
        None,
    )  # fmt: skip
    origin = "its config says"
    if stated is None:
        stored = {_STORED[tensor.dtype] for tensor in facts.tensors or () if tensor.dtype in _STORED}
        stated, origin = (next(iter(stored)), "its weights are") if len(stored) == 1 else (None, "")
    if stated is None:
        return Finding("precision", "warn", f"{ordered} is ordered; unknown: neither config nor weights name one")
    if {ordered, stated} == {"float16", "bfloat16"}:
        remedy = f"--dtype {stated}: some weights are no numbers in the other"
        return Finding("precision", "fail", f"{ordered} is ordered, {origin} {stated}", remedy)
    quantized = f"; quantized: {facts.quantization}" if facts.quantization else ""
    return Finding("precision", "pass", f"{ordered} is ordered, {origin} {stated}{quantized}")


def model_class(question: Question) -> Finding | None:
    """The row's class is the one that the model's size implies."""
    if not question.task.has_classes:
        return None
    count, stated = _count(question), question.spec.model_class
    if count is None:
        return Finding("class", "warn", f"{stated or 'none'} in the row; unknown: so is the number of parameters")
    implied: ModelClass = next((name for name, most in CLASS_MAX_PARAMETERS if count <= most), "C")
    by_memory = _class_by_memory(question)
    text = f"{parameters_text(count)} is class {implied}"
    if by_memory not in (None, implied):
        text += f", its quantized weights are of class {by_memory}"
    if stated is None:
        return Finding("class", "pass", f"{text}; none was named")
    if stated in (implied, by_memory):
        return Finding("class", "pass", text)
    return Finding(
        "class", "fail", f"{text}; the row says {stated}", f"write {by_memory or implied} into the column Class"
    )


def _class_by_memory(question: Question) -> ModelClass | None:
    """The class whose GPU holds quantized weights; None for others, whose class their number of parameters says."""
    facts = question.facts
    if facts.quantization is None or facts.tensors is None:
        return None
    need = OVERHEAD * loaded_bytes_of(facts.tensors, question.spec.generation.dtype)
    return next((name for name in ("A", "B") if need <= CLASS_GPU_BYTES[name]), "C")


def _count(question: Question) -> int | None:
    tensors = question.facts.tensors
    return None if tensors is None else parameter_count_of(tensors, question.facts.quantization)


def _precision(question: Question) -> str:
    quantization = question.facts.quantization
    return "in 16 bits" if quantization is None else f"with {quantization}"
