"""Facts about leases, on simulated GPUs below the real pynvml, each script in a process of its own."""

from pathlib import Path

from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

OPEN = """
from energy_score.host.locks.gpu_leases import Lease, Refusal, open_gpu_leases, wait_for_lease
from energy_score.contract.errors import EnvironmentNotReadyError
"""


def said(simulator: NvmlSimulator, folder: Path, script: str, **settings: object) -> list[str]:
    done = simulator.run(OPEN + script, ENERGY_SCORE_LOCK_DIR=folder / "locks", **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_gpu_is_leased_to_one_at_a_time_and_all_or_none_are_given(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    script = """
one, other = open_gpu_leases(None), open_gpu_leases("1,0,2")
first = one.lease(2)
print(*first.uuids)
second = other.lease(2)
print(second.why, second.message)
print(*other.lease(1).uuids)
first.release()
print(*other.lease(2).uuids)
print(one.lease(4).why)
"""
    lines = said(nvml_simulator, tmp_path, script, gpus=3)
    assert lines[0] == f"{UUIDS[0]} {UUIDS[1]}"
    assert lines[1].startswith(f"leased needs 2 of 3 GPUs: {UUIDS[1]} is leased by process ")
    assert lines[2] == UUIDS[2]
    assert lines[3] == f"{UUIDS[1]} {UUIDS[0]}"
    assert lines[4] == "too_few"


def test_a_foreign_process_is_named_and_its_gpu_passed_over(nvml_simulator: NvmlSimulator, tmp_path: Path) -> None:
    script = """
leases = open_gpu_leases(None)
print(*leases.lease(1).uuids)
refusal = leases.lease(1, among=[leases.gpus[0].uuid])
print(refusal.why, refusal.message)
told = []
try:
    wait_for_lease(leases, 1, among=[leases.gpus[0].uuid], foreign_wait_s=0.1, note=told.append)
except EnvironmentNotReadyError as error:
    print(len(told), error)
"""
    lines = said(nvml_simulator, tmp_path, script, gpus=2, foreign_pid=77, foreign_gpu=0)
    because = f"needs 1 of 1 GPUs: {UUIDS[0]} is used by process 77, which is not one of our runs"
    assert lines == [UUIDS[1], f"foreign {because}", f"1 {because}"]


def test_gpus_that_are_not_there_are_refused_and_none_at_all_is_no_fault(
    nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    script = """
try:
    open_gpu_leases("0,7")
except EnvironmentNotReadyError as error:
    print(error)
import os
os.environ["CUDA_VISIBLE_DEVICES"] = ""
print(open_gpu_leases(None))
"""
    lines = said(nvml_simulator, tmp_path, script, gpus=2)
    assert "--gpus 0,7: '7' names no GPU" in lines[0]
    assert lines[1] == "None"
