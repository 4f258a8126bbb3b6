"""Facts about what the host sees of a run's GPUs, on simulated GPUs below the real pynvml."""

import os
from pathlib import Path
from typing import Any

import pytest

from energy_score.contract.host_witness import HostWitness
from energy_score.contract.run_report import EnergySource
from energy_score.host.executors.witness import GpuWitness
from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

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


COUNTED = """
import time
from pathlib import Path
from energy_score.host.executors.witness import GpuWitness
with GpuWitness("run", gpu_count={gpu_count}, gpus={gpus}) as witness:
    time.sleep({lasts_s})
print(*witness.uuids)
witness.write(Path({path!r}))
"""


def seen(
    simulator: NvmlSimulator,
    path: Path,
    *,
    gpu_count: int | None = None,
    named: tuple[str, ...] | None = None,
    lasts_s: float = 0.5,
    **settings: object,
) -> HostWitness:
    script = COUNTED.format(gpu_count=gpu_count, gpus=named, lasts_s=lasts_s, path=str(path))
    done = simulator.run(script, own_process=0, **settings)
    assert done.returncode == 0, done.stderr
    return HostWitness.read(path)


def test_the_energy_is_what_each_counter_gained_while_the_run_lasted(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    witness = seen(nvml_simulator, tmp_path / "witness.json", gpus=2, watts="300,100")
    lasted_s = (witness.finished_at - witness.started_at).total_seconds()
    assert witness.source is EnergySource.SIMULATED
    assert set(witness.energy_j) == set(UUIDS[:2])
    for uuid, power_w in zip(UUIDS, (300, 100), strict=False):
        assert power_w * 0.5 <= witness.energy_j[uuid] <= power_w * lasted_s * 1.01


@pytest.mark.parametrize(
    ("gpu_count", "named", "watched"),
    [(1, None, UUIDS[:1]), (None, UUIDS[2:3], UUIDS[2:3]), (0, None, ())],
)
def test_only_the_gpus_of_the_run_are_watched(
    nvml_simulator: NvmlSimulator,
    tmp_path: Path,
    gpu_count: int | None,
    named: tuple[str, ...] | None,
    watched: tuple[str, ...],
) -> None:
    witness = seen(nvml_simulator, tmp_path / "witness.json", gpu_count=gpu_count, named=named, gpus=3)
    assert tuple(witness.energy_j) == watched


@pytest.mark.parametrize(
    ("settings", "fault"),
    [({"reset_after_s": 1.5}, "counter_reset"), ({"lost_after_s": 1.5}, "counter_lost")],
)
def test_a_counter_that_failed_while_the_run_lasted_has_a_fault_and_no_energy(
    nvml_simulator: NvmlSimulator, tmp_path: Path, settings: dict[str, Any], fault: str
) -> None:
    witness = seen(nvml_simulator, tmp_path / "witness.json", lasts_s=2.0, **settings)
    assert (witness.energy_j, witness.faults) == ({}, {UUIDS[0]: fault})


def test_a_host_without_nvml_leaves_no_witness(tmp_path: Path) -> None:
    with GpuWitness("run", gpu_count=1, gpus=("GPU-that-is-not-there",)) as witness:
        pass
    witness.write(tmp_path / "host_witness.json")
    assert (witness.uuids, witness.gpu_was_shared) == ((), None)
    assert list(tmp_path.iterdir()) == []


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


TRANSIENT = """
import sys, time
from pathlib import Path
from energy_score.host.executors import witness as module
module._WATCH_PERIOD_S = 0.05
module.ids_are_comparable = lambda: True
with module.GpuWitness("run", gpu_count=1) as witness:
    start_s = time.monotonic()
    time.sleep(1.0)
witness.write(Path({path!r}))
print(start_s)
"""


def test_a_reading_of_the_host_that_fails_is_repeated_and_noted(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    path = tmp_path / "host_witness.json"
    done = nvml_simulator.run(TRANSIENT.format(path=str(path)), own_process=0, fail="energy@0*2")
    assert done.returncode == 0, done.stderr
    witness = HostWitness.read(path)
    assert witness.faults == {}
    assert witness.energy_j[UUIDS[0]] > 0
    (repair,) = witness.repairs
    assert (repair.kind, repair.subject) == ("reading", f"the total-energy counter of {UUIDS[0]}")


def test_the_host_says_from_when_to_when_it_saw_another_process(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    path = tmp_path / "host_witness.json"
    done = nvml_simulator.run(
        TRANSIENT.format(path=str(path)), own_process=0, foreign_pid=1, foreign_after_s=0.3, foreign_until_s=0.6
    )
    assert done.returncode == 0, done.stderr
    witness = HostWitness.read(path)
    assert witness.foreign_process_ids == (1,)
    (sighting,) = witness.foreign_sightings
    assert sighting.process_id == 1
    assert float(done.stdout) < sighting.first_s < sighting.last_s < float(done.stdout) + 1.0
