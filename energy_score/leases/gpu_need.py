"""How many GPUs a run is leased: one for classes A and B, as many as its weights need for class C."""

import math
from collections.abc import Sequence
from pathlib import Path

from energy_score.contract.foreign_json import parsed
from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import RunSpec

# Source: the methodology's Table 2: class C is more than one GPU's 80 GB.
_CLASS_C_LEAST = 2
# Source: the methodology's formula below Table 2, "20 % overhead for framework and other memory requirements".
_OVERHEAD = 1.2
_BYTES_PER_MIB = 2**20
_BYTES_OF_DTYPE = {"float32": 4, "float16": 2, "bfloat16": 2}
# Source: the safetensors format; other types (packed integers, 8-bit floats) stay as they are stored.
_CAST_TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_HEADER_MAX_BYTES = 100_000_000  # the format's own limit


def gpus_needed(spec: RunSpec, gpus: Sequence[Gpu]) -> int:
    """How many of ``gpus`` the run is leased.

    As many as the order says. Where it leaves that open (class C): the fewest whose memory holds the weights as they
    are loaded and 20 % more, at least two; all of ``gpus`` where nothing on this machine tells the weights' size, the
    one number that cannot be too few. None for queries that a running server answers: the GPUs are the server's.
    """
    if spec.endpoint is not None:
        return 0
    if spec.gpu_requirement.count is not None:
        return spec.gpu_requirement.count
    if spec.meter_gpus:
        return len(spec.meter_gpus)
    weights_bytes = (
        None if spec.model_path is None else loaded_bytes(Path(spec.model_path), dtype=spec.generation.dtype)
    )
    if weights_bytes is None:
        return len(gpus)
    smallest_bytes = min(gpu.memory_mib for gpu in gpus) * _BYTES_PER_MIB
    fitting = math.ceil(_OVERHEAD * weights_bytes / smallest_bytes)
    return max(fitting, _CLASS_C_LEAST if spec.model_class == "C" else 1)


def loaded_bytes(folder: Path, *, dtype: str) -> int | None:
    """What the safetensors files in ``folder`` take once loaded in ``dtype``; None where there are none to read."""
    files = sorted(folder.glob("*.safetensors"))
    try:
        return sum(_loaded_bytes_of(file, _BYTES_OF_DTYPE[dtype]) for file in files) if files else None
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
    ):  # a damaged file: loading it will say so
        return None


def _loaded_bytes_of(file: Path, bytes_each: int) -> int:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _HEADER_MAX_BYTES:
            raise ValueError("no safetensors header")
        header = parsed(stream.read(length))
    total = 0
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        first, last = tensor["data_offsets"]
        stored_each = _CAST_TYPES.get(tensor["dtype"])
        total += (last - first) if stored_each is None else (last - first) // stored_each * bytes_each
    return total
