"""The quantization of a model's weights, according to its config."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# Methods whose name implies the bits. Source: transformers, QuantizationMethod and the config of each method.
_BITS_OF_METHOD = {"mxfp4": 4, "fp8": 8, "fbgemm_fp8": 8, "finegrained_fp8": 8, "eetq": 8}
_KEYS = ("bits", "nbits", "num_bits", "w_bit", "weights", "weight_quant_params", "quant_config")


class Quantization(NamedTuple):
    """The method and the bits per weight; ``bits`` is None if the config does not say."""

    method: str
    bits: int | None

    def __str__(self) -> str:
        """Return it as shown to users: ``gptq, 4 bit``."""
        return f"{self.method}, {'unknown bits' if self.bits is None else f'{self.bits} bit'}"


def get_quantization(config: Mapping[str, Any]) -> Quantization | None:
    """Return the quantization stated in ``config``, or None if there is none."""
    for place in (config, config.get("text_config")):
        stated = place.get("quantization_config") if isinstance(place, dict) else None
        if isinstance(stated, dict):
            method = str(stated.get("quant_method") or "unknown method").lower()
            return Quantization(method, _get_bits(method, stated))
    return None


def _get_bits(method: str, stated: Mapping[str, Any]) -> int | None:
    if method == "bitsandbytes" or "load_in_4bit" in stated or "load_in_8bit" in stated:
        four, eight = (stated.get(f"load_in_{bits}bit") or stated.get(f"_load_in_{bits}bit") for bits in ("4", "8"))
        return 4 if four else 8 if eight else None
    return _BITS_OF_METHOD.get(method) or _bits_in(stated)


def _bits_in(stated: object) -> int | None:
    """Return the bits among the keys used by the methods, at any depth; None also if parts have different ones."""
    if isinstance(stated, bool):
        return None
    if isinstance(stated, int):
        return stated if 1 <= stated <= 8 else None  # noqa: PLR2004 - more is not a quantization
    if isinstance(stated, str):
        named = re.search(r"int([1-8])\b|float(8)", stated)
        return int(named[1] or named[2]) if named else None
    if not isinstance(stated, dict):
        return None
    inner = (stated[key] for key in _KEYS if key in stated)
    groups = (
        group.get("weights")
        for groups in [stated.get("config_groups")]
        if isinstance(groups, dict)
        for group in groups.values()
        if isinstance(group, dict)
    )
    found = {bits for part in (*inner, *groups) if (bits := _bits_in(part)) is not None}
    return found.pop() if len(found) == 1 else None
