"""Facts about whether a run had its GPUs to itself, on simulated GPUs below the real pynvml."""

import pytest

from tests.nvml_simulator.simulator import NvmlSimulator

SCRIPT = """
from energy_score.executors.witness import GpuWitness
witness = GpuWitness("run", gpu_count=1)
with witness:
    pass
print(witness.gpu_was_shared)
"""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"own_process": 0}, "False"),
        ({"own_process": 0, "foreign_pid": 1}, "True"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "None"),
    ],
)
def test_a_shared_gpu_is_known_and_no_gpu_is_unknown(
    nvml_simulator: NvmlSimulator, settings: dict[str, object], said: str
) -> None:
    done = nvml_simulator.run(SCRIPT, **settings)
    assert done.stdout.strip() == said, done.stderr
