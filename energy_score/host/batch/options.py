"""The command line's options for a batch, as one frozen value."""

from dataclasses import dataclass
from pathlib import Path

from energy_score.contract.choices import ClusterEngine
from energy_score.host.batch.plan import Selection
from parameter_handler import RunOptions


@dataclass(frozen=True)
class ExecutorOptions:
    """Where a run happens, on this machine or on a cluster node, and its limits.

    ``gpu_wait_s`` is how long a run waits for a GPU that another process is using, ``memory`` a container limit (48g).
    """

    name: str
    image: str
    memory: str | None
    timeout_s: float
    gpu_wait_s: float


@dataclass(frozen=True)
class ClusterOptions:
    """The cluster for the runs; ``node_gpus`` is the number of GPUs per node, if it was given."""

    engine: ClusterEngine
    slurm_arguments: tuple[str, ...] = ()
    ray_address: str | None = None
    node_gpus: int | None = None


@dataclass(frozen=True)
class BatchOptions:
    """A batch as requested: which rows, how, where, and the output directory.

    ``executor`` is for the nodes if ``cluster`` is set. ``rerun`` and ``only_new`` are as typed.
    """

    selection: Selection
    run: RunOptions
    executor: ExecutorOptions
    output_directory: Path
    cluster: ClusterOptions | None = None
    jobs: int = 1
    gpus: str | None = None
    retries: int = 0
    rerun: str | None = None
    fail_fast: bool = False
    only_new: Path | None = None
    preflight: bool = True
    as_json: bool = False
