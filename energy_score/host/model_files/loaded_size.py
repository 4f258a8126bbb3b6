"""The size of stored tensors after loading them in a run's data type."""

from collections.abc import Iterable

from energy_score.contract.choices import Dtype
from energy_score.host.model_files.safetensors_header import Tensor

# Source: the methodology's formula below Table 2, "20 % overhead for framework and other memory requirements".
OVERHEAD = 1.2
BYTES_OF_DTYPE: dict[Dtype, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
# Source: the safetensors format; other types (packed integers, 8-bit floats) keep their stored size.
_CAST_TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def compute_loaded_bytes(tensors: Iterable[Tensor], dtype: Dtype) -> int:
    """Return the size in bytes of ``tensors`` in a run with ``dtype``."""
    return sum(_compute_tensor_bytes(tensor, BYTES_OF_DTYPE[dtype]) for tensor in tensors)


def _compute_tensor_bytes(tensor: Tensor, bytes_each: int) -> int:
    stored_each = _CAST_TYPES.get(tensor.dtype)
    return tensor.stored_bytes if stored_each is None else tensor.stored_bytes // stored_each * bytes_each
