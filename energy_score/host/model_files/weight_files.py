"""Find the weight files that a run would load, by the names that the libraries look for.

Source: transformers and diffusers, the names in their utils/constants; sentence-transformers, its folder of modules.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from energy_score.contract.foreign_json import parse_json

Kind = Literal["safetensors", "pickle", "adapter", "gguf", "other", "none", "unknown"]
# The files listed in an index; None if it cannot be read.
ShardsOf = Callable[[str], Collection[str] | None]

# Any number of digits, counted from 0 or 1: model-1-of-61, model-00001-of-000163, model-00000-of-00413.
_SHARD = re.compile(r"(.+)-(\d{1,6})-of-(\d{1,6})(\.\w+)")
_ROOT = r"(?:model|pytorch_model)"
_PARTS = r"[^/]+/(?:model|pytorch_model|diffusion_pytorch_model)"
_SHARDED = r"(?:-\d{1,6}-of-\d{1,6})?"
_ENDINGS: tuple[tuple[Kind, str], ...] = (("safetensors", r"\.safetensors"), ("pickle", r"\.bin"))
# A model's own weights in the order in which transformers looks for them: one file, or the parts listed in an index.
_WHOLE: tuple[tuple[Kind, str], ...] = (("safetensors", "model.safetensors"), ("pickle", "pytorch_model.bin"))
INDEX_ENDING = ".index.json"
# Weights of other libraries and layouts, which a run does not load.
_OTHER = (".safetensors", ".bin", ".h5", ".msgpack", ".onnx", ".pth", ".pt", ".ckpt", ".nemo")


@dataclass(frozen=True)
class WeightFiles:
    """The files to load, of one ``kind``; ``missing`` are expected according to their index or numbers."""

    kind: Kind = "none"
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def are_numbered(self) -> bool:
        """Return whether they are parts of one file, which need an index."""
        return self.kind in ("safetensors", "pickle") and any(map(_SHARD.fullmatch, self.names))


def find_weight_files(
    files: Iterable[str], *, index_file: str, named: str | None = None, shards_of: ShardsOf = lambda _: None
) -> WeightFiles:
    """Return the weights among ``files``: safetensors before pickles, as in the libraries.

    ``named`` is the file or index that the config names (transformers_weights). Parts can have any names, and
    those of an earlier upload can be next to them: ``shards_of`` is called if the names alone do not form one complete
    series. The kind ``unknown`` means weights whose index cannot be read.
    """
    names = sorted(files)
    if named is not None:
        wanted = shards_of(named) if named.endswith(INDEX_ENDING) and named in names else (named,)
        return WeightFiles("unknown") if wanted is None else _select_wanted(wanted, names, "safetensors")
    parts = _PARTS if index_file != "config.json" else _ROOT
    if parts == _ROOT and (indexed := _whole_or_indexed(names, shards_of)) is not None:
        return indexed
    for pattern in (parts, _PARTS) if "modules.json" in names else (parts,):
        for kind, ending in _ENDINGS:
            found = _matching(names, pattern + _SHARDED + ending)
            if found:
                return WeightFiles(kind, found, _find_missing(found))
    if "adapter_config.json" in names:
        return WeightFiles("adapter", tuple(name for name in names if name.startswith("adapter_model.")))
    if any(name.endswith(".gguf") for name in names):
        return WeightFiles("gguf", tuple(name for name in names if name.endswith(".gguf")))
    others = tuple(name for name in names if name.endswith(_OTHER))
    return WeightFiles("other", others) if others else WeightFiles()


def shards_in(index: str) -> Collection[str] | None:
    """Return the files listed in the text of an index, or None if there are none."""
    try:
        parts = parse_json(index)["weight_map"]
        return {part for part in parts.values() if isinstance(part, str)} or None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _whole_or_indexed(names: Collection[str], shards_of: ShardsOf) -> WeightFiles | None:
    """Return the weights that transformers finds in a model's own folder; None without a file or an index."""
    for kind, whole in _WHOLE:
        if whole in names:
            return WeightFiles(kind, (whole,))
        index = whole + INDEX_ENDING
        if index in names:
            found = _matching(names, _ROOT + _SHARDED + re.escape(whole[whole.index(".") :]))
            if _is_one_series(found) and not _find_missing(found):
                return WeightFiles(kind, found)
            wanted = shards_of(index)
            if wanted is None:
                return WeightFiles("unknown", found)
            return _select_wanted(wanted, names, kind)
    return None


def _select_wanted(wanted: Collection[str], names: Collection[str], kind: Kind) -> WeightFiles:
    there = tuple(sorted(name for name in wanted if name in names))
    return WeightFiles(kind, there, tuple(sorted(set(wanted) - set(there))))


def _matching(names: Iterable[str], pattern: str) -> tuple[str, ...]:
    wanted = re.compile(pattern)
    return tuple(name for name in names if wanted.fullmatch(name))


def _is_one_series(found: tuple[str, ...]) -> bool:
    """Return whether all of ``found`` belong to one numbered series."""
    return len({shard and shard.group(1, 3, 4) for shard in map(_SHARD.fullmatch, found)}) == 1


def _find_missing(found: tuple[str, ...]) -> tuple[str, ...]:
    """Return the missing shards of ``found``'s series."""
    widths: dict[tuple[str, ...], int] = {}
    for shard in filter(None, map(_SHARD.fullmatch, found)):
        stem, own, count, ending = shard.groups()
        widths[stem, count, ending] = min(len(own), widths.get((stem, count, ending), len(own)))
    promised = set()
    for (stem, count, ending), width in widths.items():
        if int(count) <= 10_000:  # noqa: PLR2004 - a name may say anything; no model has more files
            first = 0 if f"{stem}-{0:0{width}}-of-{count}{ending}" in found else 1
            promised |= {f"{stem}-{at:0{width}}-of-{count}{ending}" for at in range(first, first + int(count))}
    return tuple(sorted(promised - set(found)))
