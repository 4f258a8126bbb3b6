"""The number of GPUs for a run on a cluster, whose GPUs this machine cannot see."""

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.official_gpu import OFFICIAL_GPU, OFFICIAL_MEMORY_MIB
from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import RunSpec
from energy_score.host.locks.gpu_need import count_needed_gpus

# The memory of the smallest GPU used for published scores; assumed for a node's GPUs.
_NODE_GPU = Gpu(uuid="", name=OFFICIAL_GPU, memory_mib=OFFICIAL_MEMORY_MIB[0])


def gpu_count(spec: RunSpec, node_gpus: int | None) -> int:
    """Return the number in the run spec, or needed for the weights on 80 GB GPUs; else ``node_gpus``, all of a node's.

    Raises:
        RowRefusedError: The number is unknown.
    """
    if spec.gpu_requirement.count is not None:
        return spec.gpu_requirement.count
    # With one GPU to choose from, the answer is the need itself, or 1 if the size of the weights is unknown.
    needed = count_needed_gpus(spec, [_NODE_GPU])
    is_known = needed > 1 or spec.model_class != "C"
    if is_known:
        return needed
    if node_gpus is None:
        raise RowRefusedError(
            f"{spec.model_id}: cannot determine how many GPUs it needs. Use --node-gpus N with the number of GPUs "
            "per node, to give it all of them."
        )
    return node_gpus
