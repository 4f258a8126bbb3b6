"""Names used by specs, options and registries. Imports nothing slow, because ``--help`` needs it.

The registries have one entry for each name here, and a test compares them: backends and meters in the engine, executors
in the host. Installed packages can add more (``extensions``).
"""

from typing import Literal, get_args

Dtype = Literal["float32", "float16", "bfloat16"]
Protocol = Literal["quick", "official"]
ClusterEngine = Literal["slurm", "ray"]

DTYPES: tuple[str, ...] = get_args(Dtype)
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
CLUSTER_ENGINES: tuple[str, ...] = get_args(ClusterEngine)

BACKENDS = ("pytorch", "vllm", "optimum")
METERS = ("nvml", "nvml-power", "rapl", "estimate", "replay")
# The prefix of the meter that takes a file: replay:FILE.
METER_WITH_FILE = "replay"
# Values for --meter: the best meter of this machine, none, or a meter by name.
METER_CHOICES = ("auto", "none", *METERS)
