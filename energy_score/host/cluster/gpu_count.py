"""How many GPUs a run is given on a cluster, whose GPUs this machine cannot see."""

from energy_score.contract.errors import RowRefusedError
from energy_score.contract.official_gpu import OFFICIAL_GPU, OFFICIAL_MEMORY_MIB
from energy_score.contract.run_report import Gpu
from energy_score.contract.run_spec import RunSpec
from energy_score.host.locks.gpu_need import gpus_needed

# What the smallest GPU that published scores are made on holds; a node's GPUs are taken for such.
_NODE_GPU = Gpu(uuid="", name=OFFICIAL_GPU, memory_mib=OFFICIAL_MEMORY_MIB[0])


def gpu_count(spec: RunSpec, node_gpus: int | None) -> int:
    """As many as the order says, or as the weights need on GPUs of 80 GB; else ``node_gpus``, all of a node's.

    Raises:
        RowRefusedError: nothing tells how many.
    """
    if spec.gpu_requirement.count is not None:
        return spec.gpu_requirement.count
    # With one GPU to choose from, the answer is the need itself, or that one where the weights' size is unknown.
    needed = gpus_needed(spec, [_NODE_GPU])
    is_known = needed > 1 or spec.model_class != "C"
    if is_known:
        return needed
    if node_gpus is None:
        raise RowRefusedError(
            f"{spec.model_id}: nothing here tells how many GPUs it needs, and a cluster must be told; valid is "
            "--node-gpus N, the GPUs of one node, all of which it gets"
        )
    return node_gpus
