"""Read the tensors of a safetensors file from its header.

Source: the safetensors format: 8 bytes of length, a JSON object, then the data.
"""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from energy_score.contract.foreign_json import parse_json

_HEADER_MAX_BYTES = 100_000_000  # the format's own limit
_POINTER = b"version "  # the start of a pointer file from a clone without LFS; as a length it is far above the limit
_METADATA = "__metadata__"


class Tensor(NamedTuple):
    """One stored tensor, or several of one type taken together; ``dtype`` is spelled as in the format (``BF16``)."""

    name: str
    dtype: str
    element_count: int
    stored_bytes: int


def read_tensors(file: Path) -> tuple[Tensor, ...]:
    """Return the tensors of ``file``.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a safetensors file.
    """
    with file.open("rb") as stream:
        start = stream.read(8)
        if start == _POINTER:
            raise ValueError(f"{file.name}: a Git LFS pointer instead of the weights. Download them with git lfs pull.")
        length = int.from_bytes(start, "little")
        if length > _HEADER_MAX_BYTES:
            raise ValueError(f"{file.name}: no safetensors header")
        content = stream.read(length)
    try:
        header = parse_json(content)
    except ValueError as error:
        raise ValueError(f"{file.name}: its header cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{file.name}: no safetensors header")  # noqa: TRY004 - an error in the file, not of the caller
    return parse_tensors(header)


def parse_tensors(header: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """Return the tensors of a parsed header; raise ValueError if it is invalid."""
    try:
        return tuple(_tensor(name, entry) for name, entry in header.items() if name != _METADATA)
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"a tensor without type, shape or offsets: {error}") from error


def _tensor(name: str, entry: Mapping[str, Any]) -> Tensor:
    (first, last), shape, dtype = entry["data_offsets"], entry["shape"], entry["dtype"]
    if not isinstance(dtype, str) or any(type(number) is not int for number in (first, last, *shape)):
        raise ValueError(name)
    if min(first, last - first, *shape) < 0:
        raise ValueError(f"{name} with a negative size")
    return Tensor(name, dtype, prod(shape), last - first)
