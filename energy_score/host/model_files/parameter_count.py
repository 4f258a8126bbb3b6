"""Count the parameters in stored tensors: packed ones are unpacked, helper tensors for unpacking are left out."""

from collections.abc import Iterable

from energy_score.host.model_files.quantization import Quantization
from energy_score.host.model_files.safetensors_header import Tensor

# The width of the types that quantized weights are packed into.
_BITS_OF_INTEGER = {"I8": 8, "U8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32, "I64": 64}
# Scales, zero points and lookup tables, by the ends of their names. Source: GPTQ and AWQ (g_idx, qzeros, scales),
# bitsandbytes (absmax, quant_map, quant_state, SCB), compressed-tensors and fine-grained FP8 (weight_scale…), MXFP4.
_NO_PARAMETERS = (
    ".g_idx",
    ".qzeros",
    ".scales",
    "absmax",
    "quant_map",
    ".SCB",
    ".weight_format",
    ".weight_scale",
    ".weight_scale_inv",
    ".input_scale",
    ".weight_zero_point",
    ".weight_g_idx",
    ".weight_shape",
    "_scales",
)
_QUANT_STATE = ".quant_state."
# Names used by one method that mean something else in others.
_NO_PARAMETERS_OF_METHOD = {"hqq": (".scale", ".zero")}


def count_parameters(tensors: Iterable[Tensor], quantization: Quantization | None) -> int | None:
    """Return the number of parameters, or None if the number of bits per packed weight is unknown."""
    if quantization is None:
        return sum(tensor.element_count for tensor in tensors)
    count = 0
    helping = _NO_PARAMETERS + _NO_PARAMETERS_OF_METHOD.get(quantization.method, ())
    for tensor in tensors:
        if tensor.name.endswith(helping) or _QUANT_STATE in tensor.name:
            continue
        width = _BITS_OF_INTEGER.get(tensor.dtype)
        if width is None:
            count += tensor.element_count
        elif quantization.bits is None:
            return None
        else:
            count += tensor.element_count * width // quantization.bits
    return count
