"""Which files of a repository are the weights that a run would load, by the names that the libraries look for.

Source: transformers and diffusers, the names in their utils/constants; sentence-transformers, its folder of modules.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["safetensors", "pickle", "adapter", "gguf", "other", "none"]

_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)")
_ROOT = r"(?:model|pytorch_model)"
_PARTS = r"[^/]+/(?:model|pytorch_model|diffusion_pytorch_model)"
_SHARDED = r"(?:-\d{5}-of-\d{5})?"
_ENDINGS: tuple[tuple[Kind, str], ...] = (("safetensors", r"\.safetensors"), ("pickle", r"\.bin"))
# Weights of other libraries and layouts, which a run does not load.
_OTHER = (".safetensors", ".bin", ".h5", ".msgpack", ".onnx", ".pth", ".pt", ".ckpt", ".nemo")


@dataclass(frozen=True)
class WeightFiles:
    """The files that are loaded, of one ``kind``; ``missing`` are shards that the others' numbers promise."""

    kind: Kind = "none"
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def weight_files_of(files: Iterable[str], *, index_file: str) -> WeightFiles:
    """The weights among ``files``, safetensors before pickles, as the libraries prefer them."""
    names = sorted(files)
    parts = _PARTS if index_file != "config.json" else _ROOT
    for pattern in (parts, _PARTS) if "modules.json" in names else (parts,):
        for kind, ending in _ENDINGS:
            wanted = re.compile(pattern + _SHARDED + ending)
            found = tuple(name for name in names if wanted.fullmatch(name))
            if found:
                whole = tuple(name for name in found if not _SHARD.fullmatch(name) and "/" not in name)
                return WeightFiles(kind, whole) if whole else WeightFiles(kind, found, _missing_of(found))
    if "adapter_config.json" in names:
        return WeightFiles("adapter", tuple(name for name in names if name.startswith("adapter_model.")))
    if any(name.endswith(".gguf") for name in names):
        return WeightFiles("gguf", tuple(name for name in names if name.endswith(".gguf")))
    others = tuple(name for name in names if name.endswith(_OTHER))
    return WeightFiles("other", others) if others else WeightFiles()


def _missing_of(found: tuple[str, ...]) -> tuple[str, ...]:
    """The shards of ``found``'s series that are not in it."""
    promised = set()
    for name in found:
        shard = _SHARD.fullmatch(name)
        if shard and int(shard[3]) <= 10_000:  # noqa: PLR2004 - a name may say anything; no model has more files
            stem, _, count, ending = shard.groups()
            promised |= {f"{stem}-{number:05}-of-{count}{ending}" for number in range(1, int(count) + 1)}
    return tuple(sorted(promised - set(found)))
