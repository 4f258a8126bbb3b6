"""Rules for the weights: their format, the number of parameters and its limit, their data type, and the class."""

from energy_score.contract.model_config import ModelClass
from energy_score.contract.plain_text import counted
from energy_score.host.model_files.loaded_size import OVERHEAD, compute_loaded_bytes
from energy_score.host.model_files.parameter_count import count_parameters
from energy_score.host.model_files.weight_files import INDEX_ENDING
from energy_score.host.preflight.models.facts import ModelFacts
from energy_score.host.preflight.models.finding import Finding
from energy_score.host.preflight.models.rules.rule import Question, parameters_text

# Source: METHOD.md, "Before a model is run or submitted", after the seed on submission: 100 B in 16 bits, otherwise 140
# B times the saving by quantization. "GPTQ: varies by bits" is 16 / bits, which gives 2 at 8 bits and 4 at 4 (decision
# 12).
_LIMIT_16_BIT = 100e9
_LIMIT_BASE = 140e9
_BITS_UNQUANTIZED = 16
# Source: METHOD.md, "Protocol": the maximum parameters of a class, and the memory of its GPU.
CLASS_MAX_PARAMETERS: tuple[tuple[ModelClass, float], ...] = (("A", 20e9), ("B", 66e9))
CLASS_GPU_BYTES: dict[ModelClass, float] = {"A": 24e9, "B": 80e9, "C": 80e9}
# The names in configs and safetensors of the data types that a run can use.
_DTYPES = ("float32", "float16", "bfloat16")
_STORED = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def weights(question: Question) -> Finding:
    """Check that the weights are complete safetensors files."""
    facts, found = question.facts, question.facts.weights
    bars_run = not question.spec.no_weights
    lacking = _lacking(facts)
    if (unknown := _unknown(facts, lacking)) is not None:
        remedy = "repair it" if facts.where == "folder" else "check again when the Hub is available"
        return Finding("weights", "warn", f"unknown: {unknown}", remedy)
    if lacking is not None:
        return Finding(
            "weights", "fail", lacking, "upload the rest: incomplete weights cannot be loaded", bars_run=bars_run
        )
    if found.kind == "safetensors":
        if facts.tensors_fault and facts.where != "hub":
            return Finding("weights", "fail", facts.tensors_fault, "save the weights again", bars_run=bars_run)
        return Finding("weights", "pass", f"safetensors, {counted(len(found.names), 'file')}")
    if found.kind == "pickle":
        remedy = "convert them to safetensors (model.save_pretrained): pickles can run code when loaded"
        return Finding("weights", "fail", f"only pickles, such as {found.names[0]}", remedy)
    return _none_that_a_run_loads(facts)._replace(bars_run=bars_run)


def _none_that_a_run_loads(facts: ModelFacts) -> Finding:
    """Return what there is instead of weights that a run can load, and what to do."""
    found = facts.weights
    base = facts.adapter_base or "an unnamed base model"
    shown = f" ({', '.join(found.names[:3])})" if found.names else ""
    text, remedy = {
        "adapter": (
            f"an adapter for {base} without the model itself",
            f"merge it into {base} and upload the whole model, or run that model",
        ),
        "gguf": (f"only GGUF{shown}", "use the repository that it was made from: GGUF is llama.cpp's format"),
        "other": (f"none that a run can load{shown}", "add model.safetensors, or its numbered parts"),
        "none": ("there are none", "add model.safetensors, or its numbered parts"),
    }[found.kind]
    return Finding("weights", "fail", text, remedy)


def _lacking(facts: ModelFacts) -> str | None:
    """Return what is missing from the weights, or None if they are complete."""
    found = facts.weights
    if found.missing:
        return f"{len(found.missing)} files are missing, such as {found.missing[0]}"
    if found.are_numbered and not any(name.endswith(INDEX_ENDING) for name in facts.files):
        return f"the index of its {counted(len(found.names), 'part')} is missing"
    return None


def _unknown(facts: ModelFacts, lacking: str | None) -> str | None:
    """Return why the weights cannot be checked here, or None if they can."""
    if facts.weights.kind == "unknown":
        return "the index of its files could not be read"
    if facts.is_partial and (lacking is not None or facts.weights.kind not in ("safetensors", "pickle")):
        return "the cache does not have all of them"
    return None


def parameters(question: Question) -> Finding:
    """Check that the number of parameters is known from the safetensors' metadata."""
    count = _count(question)
    if count is None:
        facts = question.facts
        packed = f"the weights are packed ({facts.quantization})" if facts.tensors is not None else None
        reason = packed or facts.tensors_fault or "the weights have no safetensors metadata"
        return Finding("parameters", "warn", f"unknown: {reason}", "size rules cannot be checked")
    return Finding("parameters", "pass", parameters_text(count))


def size_limit(question: Question) -> Finding:
    """Check that the model is not larger than what is evaluated, according to its bits."""
    count, quantization = _count(question), question.facts.quantization
    if count is None:
        return Finding("size_limit", "warn", "unknown, because the number of parameters is")
    limit = _LIMIT_16_BIT
    if quantization is not None:
        if quantization.bits is None:
            return Finding("size_limit", "warn", f"unknown: {quantization}")
        limit = _LIMIT_BASE * _BITS_UNQUANTIZED / quantization.bits
    text = f"{parameters_text(count)}, at most {parameters_text(limit)} {_precision(question)}"
    if count > limit:
        return Finding(
            "size_limit", "fail", text, "ask before submitting it: such models are not evaluated automatically"
        )
    return Finding("size_limit", "pass", text)


def precision(question: Question) -> Finding:
    """Check that the requested data type is the one in the config, or can hold it."""
    ordered, facts = question.spec.generation.dtype, question.facts
    stated = next(
        (
            text
            for key in ("dtype", "torch_dtype")
            for part in (facts.index or {}, facts.text_config)
            if (text := str(part.get(key) or "").removeprefix("torch.")) in _DTYPES
        ),
        None,
    )
    origin = "its config has"
    if stated is None:
        stored = {_STORED[tensor.dtype] for tensor in facts.tensors or () if tensor.dtype in _STORED}
        stated, origin = (next(iter(stored)), "its weights have") if len(stored) == 1 else (None, "")
    if stated is None:
        return Finding("precision", "warn", f"{ordered} is requested; unknown: neither config nor weights state one")
    if {ordered, stated} == {"float16", "bfloat16"}:
        remedy = f"use --dtype {stated}: the other type cannot represent all weights"
        return Finding("precision", "fail", f"{ordered} is requested, {origin} {stated}", remedy)
    quantized = f"; quantized: {facts.quantization}" if facts.quantization else ""
    return Finding("precision", "pass", f"{ordered} is requested, {origin} {stated}{quantized}")


def model_class(question: Question) -> Finding | None:
    """Check that the row's class matches the model's size."""
    if not question.task.has_classes:
        return None
    count, stated = _count(question), question.spec.model_class
    if count is None:
        return Finding("class", "warn", f"{stated or 'none'} in the row; unknown, because the number of parameters is")
    implied: ModelClass = next((name for name, most in CLASS_MAX_PARAMETERS if count <= most), "C")
    by_memory = _class_by_memory(question)
    text = f"{parameters_text(count)} is class {implied}"
    if by_memory not in (None, implied):
        text += f", its quantized weights are class {by_memory}"
    if stated is None:
        return Finding("class", "pass", f"{text}; the row has none")
    if stated in (implied, by_memory):
        return Finding("class", "pass", text)
    return Finding("class", "fail", f"{text}; the row says {stated}", f"set the column Class to {by_memory or implied}")


def _class_by_memory(question: Question) -> ModelClass | None:
    """Return the class whose GPU can hold quantized weights; None for others, whose class follows from their size."""
    facts = question.facts
    if facts.quantization is None or facts.tensors is None:
        return None
    need = OVERHEAD * compute_loaded_bytes(facts.tensors, question.spec.generation.dtype)
    return next((name for name in ("A", "B") if need <= CLASS_GPU_BYTES[name]), "C")


def _count(question: Question) -> int | None:
    tensors = question.facts.tensors
    return None if tensors is None else count_parameters(tensors, question.facts.quantization)


def _precision(question: Question) -> str:
    quantization = question.facts.quantization
    return "in 16 bits" if quantization is None else f"with {quantization}"
