"""The number of GPUs to lease for a run: one for classes A and B, as many as the weights need for class C."""

import math
from collections.abc import Sequence
from pathlib import Path

from energy_score.contract.choices import Dtype
from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import RunSpec
from energy_score.host.model_files.loaded_size import OVERHEAD, compute_loaded_bytes
from energy_score.host.model_files.safetensors_header import read_tensors
from energy_score.host.model_files.weight_files import find_weight_files, shards_in

# Source: the methodology's Table 2: class C needs more than one GPU with 80 GB.
_CLASS_C_LEAST = 2
_BYTES_PER_MIB = 2**20


def count_needed_gpus(spec: RunSpec, gpus: Sequence[Gpu]) -> int:
    """Return how many of ``gpus`` the run needs.

    The number in the run spec, if there is one. Otherwise (class C): the smallest number whose memory holds the loaded
    weights plus 20 %, at least two; all of ``gpus`` if this machine has no information on the weights' size, because
    that is the only number that is certainly enough. 0 for queries to a running server: the GPUs are the server's.
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
    fitting = math.ceil(OVERHEAD * weights_bytes / smallest_bytes)
    return max(fitting, _CLASS_C_LEAST if spec.model_class == "C" else 1)


def loaded_bytes(folder: Path, *, dtype: Dtype) -> int | None:
    """Return the size of the safetensors in ``folder`` after loading in ``dtype``; None if there are none to read.

    Only files that a run loads count: the same weights can be there in another layout (consolidated.safetensors).
    """
    try:
        names = [path.name for path in folder.iterdir()]
        found = find_weight_files(
            names,
            index_file="config.json",
            shards_of=lambda index: shards_in((folder / index).read_text(encoding="utf-8", errors="replace")),
        )
        if found.kind != "safetensors":
            return None
        return sum(compute_loaded_bytes(read_tensors(folder / name), dtype) for name in found.names)
    except (OSError, ValueError):  # a damaged file: loading it will report that
        return None
