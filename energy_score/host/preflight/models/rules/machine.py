"""Rules for the machine: its GPUs can hold the model, and its disk the download."""

import math

from energy_score.contract.model_config import ModelClass
from energy_score.host.model_files.answer_cache import estimate_cache_bytes
from energy_score.host.model_files.loaded_size import BYTES_OF_DTYPE, OVERHEAD, compute_loaded_bytes
from energy_score.host.preflight.models.finding import Finding, Status
from energy_score.host.preflight.models.rules.rule import Question, gigabytes
from energy_score.host.preflight.models.rules.weights import CLASS_GPU_BYTES

_BYTES_PER_MIB = 2**20


def memory(question: Question) -> Finding:
    """Check that the run's GPUs can hold weights, cache of keys and values, and 20 % more."""
    tensors, spec, gpus = question.facts.tensors, question.spec, question.here.gpus
    if tensors is None:
        return Finding("memory", "warn", "unknown, because the size of the weights is")
    weights_bytes = compute_loaded_bytes(tensors, spec.generation.dtype)
    cache_bytes = _cache_bytes(question)
    need = OVERHEAD * weights_bytes + (cache_bytes or 0)
    cache = "a cache of unknown size" if cache_bytes is None else f"{gigabytes(cache_bytes)} of cache"
    text = f"{gigabytes(weights_bytes)} of weights and {cache}, plus 20 %: {gigabytes(need)}"
    fits: Status = "pass" if cache_bytes is not None else "warn"
    if spec.gpu_requirement.count == 0:
        return Finding("memory", "pass", f"{text}; the run uses no GPU")
    if not gpus:
        return _against_the_class(question, need, text, fits)
    count = spec.gpu_requirement.count or len(gpus)
    sizes = sorted(gpu.memory_mib * _BYTES_PER_MIB for gpu in gpus)
    # The GPUs are not chosen yet: compare with the least and the most that the run can get.
    least, most = sum(sizes[:count]), sum(sizes[-count:])
    text += f"; {count} GPU{'s' if count > 1 else ''} here hold{'s' if count == 1 else ''} {gigabytes(most)}"
    if weights_bytes > most:
        remedy = "use larger GPUs; class C can use several"
        return Finding("memory", "fail", text, remedy, bars_run=True)
    if need > least:
        return Finding("memory", "warn", text, "it may run out of memory")
    return Finding("memory", fits, text)


def disk(question: Question) -> Finding | None:
    """Check that there is room for the download."""
    facts, free = question.facts, question.here.free_bytes
    if facts.where == "folder" or question.here.elsewhere:
        return None
    if facts.cached:
        return Finding("disk", "pass", "everything is cached")
    if facts.download_bytes is None or free is None:
        return Finding("disk", "warn", "unknown: the Hub does not report the sizes of the files")
    text = f"{gigabytes(facts.download_bytes)} to download, {gigabytes(free)} free"
    if facts.download_bytes > free:
        remedy = "make room, or set HF_HOME to a larger disk"
        return Finding("disk", "fail", text, remedy, bars_run=not question.spec.no_weights)
    return Finding("disk", "pass", text)


def _against_the_class(question: Question, need: float, text: str, fits: Status) -> Finding:
    """Compare with the GPU of the row's class, because there is no GPU here; the run may get a different one."""
    name: ModelClass | None = question.spec.model_class
    holds = CLASS_GPU_BYTES[name or "B"]  # the official GPU if the row has no class
    of_class = f"a class {name} GPU" if name else "an official GPU"
    text += f"; no GPU found here, {of_class} has {gigabytes(holds)}"
    if name == "C":
        return Finding("memory", fits, f"{text}: {math.ceil(need / holds)} of them")
    if need > holds:
        return Finding("memory", "warn", text, "it may run out of memory on such a GPU")
    return Finding("memory", fits, text)


def _cache_bytes(question: Question) -> int | None:
    """Return the size of the longest answer's cache (the prompt's length is unknown); None if the config lacks it."""
    generation = question.spec.generation
    if generation.max_new_tokens is None:
        return 0
    return estimate_cache_bytes(
        question.facts.text_config, tokens=generation.max_new_tokens, bytes_each=BYTES_OF_DTYPE[generation.dtype]
    )
