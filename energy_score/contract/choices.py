"""The words that specs, options and registries share. Imports nothing heavy: it is on the way to ``--help``.

The registries hold one entry for each name here, and a test compares: backends and meters in the engine, executors in
the host. Installed packages may add to all of them (``extensions``).
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
# The meter that is named with a file: replay:FILE.
METER_WITH_FILE = "replay"
# What a user may ask for: the best meter of this machine, none, or one by name.
METER_CHOICES = ("auto", "none", *METERS)
