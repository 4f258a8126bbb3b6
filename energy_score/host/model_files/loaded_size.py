"""How many bytes stored tensors take once they are loaded in the precision of a run."""

from collections.abc import Iterable

from energy_score.contract.choices import Dtype
from energy_score.host.model_files.safetensors_header import Tensor

# Source: the methodology's formula below Table 2, "20 % overhead for framework and other memory requirements".
OVERHEAD = 1.2
BYTES_OF_DTYPE: dict[Dtype, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
# Source: the safetensors format; other types (packed integers, 8-bit floats) stay as they are stored.
_CAST_TYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def loaded_bytes_of(tensors: Iterable[Tensor], dtype: Dtype) -> int:
    """The bytes of ``tensors`` as a run that orders ``dtype`` holds them."""
    return sum(_loaded_bytes_of(tensor, BYTES_OF_DTYPE[dtype]) for tensor in tensors)


def _loaded_bytes_of(tensor: Tensor, bytes_each: int) -> int:
    stored_each = _CAST_TYPES.get(tensor.dtype)
    return tensor.stored_bytes if stored_each is None else tensor.stored_bytes // stored_each * bytes_each
