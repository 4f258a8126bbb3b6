"""What the command line says about a batch: one frozen value, built once."""

from dataclasses import dataclass
from pathlib import Path

from energy_score.contract.choices import ClusterEngine
from energy_score.host.batch.plan import Selection
from parameter_handler import RunOptions


@dataclass(frozen=True)
class ExecutorOptions:
    """Where a run happens, on this machine or on a node of a cluster, and its limits.

    ``gpu_wait_s`` is how long a run waits for a GPU that a foreign process is on, ``memory`` a container limit (48g).
    """

    name: str
    image: str
    memory: str | None
    timeout_s: float
    gpu_wait_s: float


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster carries out the runs; ``node_gpus`` is the number of GPUs of one node, where it must be told."""

    engine: ClusterEngine
    slurm_arguments: tuple[str, ...] = ()
    ray_address: str | None = None
    node_gpus: int | None = None


@dataclass(frozen=True)
class BatchOptions:
    """A batch as it was asked for: which rows, run how, where, and written to which directory.

    ``executor`` describes a node's part where ``cluster`` is given. ``rerun`` and ``only_new`` are as typed.
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
