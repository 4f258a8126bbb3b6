"""Facts about whether a run had its GPUs to itself, on simulated GPUs below the real pynvml."""

import os
from pathlib import Path

import pytest

from energy_score.host.executors.witness import GpuWitness
from tests.nvml_simulator.simulator import NvmlSimulator

SCRIPT = """
from energy_score.host.executors.witness import GpuWitness
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
        ({"own_process": 0, "foreign_pid": 2**22 + 1}, "False"),  # ended, and still listed: no such id is ever given
        ({"CUDA_VISIBLE_DEVICES": ""}, "None"),
    ],
)
def test_a_shared_gpu_is_known_and_no_gpu_is_unknown(
    nvml_simulator: NvmlSimulator, settings: dict[str, object], said: str
) -> None:
    done = nvml_simulator.run(SCRIPT, **settings)
    assert done.stdout.strip() == said, done.stderr


WATCHED = """
from pathlib import Path
from energy_score.contract.host_witness import HostWitness
from energy_score.host.executors import witness as module
{change}
with module.GpuWitness("run", gpu_count=1) as witness:
    pass
witness.write(Path({path!r}))
print(HostWitness.read(Path({path!r})).processes_watched)
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("", "True"),
        ("module.ids_are_comparable = lambda: False", "False"),  # as in a container
        ("module.NvmlDevices.compute_process_ids = lambda devices, uuid: None", "False"),  # as by an old driver
    ],
)
def test_a_host_that_cannot_tell_processes_does_not_say_that_it_watched_them(
    nvml_simulator: NvmlSimulator, tmp_path: Path, change: str, said: str
) -> None:
    done = nvml_simulator.run(WATCHED.format(change=change, path=str(tmp_path / "host_witness.json")))
    assert done.stdout.strip() == said, done.stderr


def test_another_users_process_that_cannot_be_looked_at_is_none_of_the_run() -> None:
    """A /proc that hides other users' processes (hidepid) has no folder of theirs, as if they had ended."""

    def is_of_run(process_id: int) -> bool:
        raise FileNotFoundError(process_id)

    witness = GpuWitness("run", gpu_count=1)
    witness.is_of_run = is_of_run
    assert not witness._is_own(os.getppid())
    assert witness._is_own(2**22 + 1)


def test_an_id_that_no_process_could_have_is_none_of_the_run() -> None:
    """Early drivers of the 535 series mix up the fields of the list where there are several processes."""
    witness = GpuWitness("run", gpu_count=1)
    witness.is_of_run = lambda process_id: os.getsid(process_id) == 1
    assert not witness._is_own(2**32 - 1)
