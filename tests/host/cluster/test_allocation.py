"""Which GPUs an allocation holds, seen through the real pynvml on a simulated machine."""

import pytest

from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

SCRIPT = """
from energy_score.host.cluster.allocation import find_allocated_gpus
from energy_score.contract.errors import EnvironmentNotReadyError
from tests.support.record_factory import make_spec
try:
    print(find_allocated_gpus(make_spec(meter={meter!r}), count={count}))
except EnvironmentNotReadyError as error:
    print("refused:", error)
"""


def found(simulator: NvmlSimulator, *, count: int, meter: str = "auto", **settings: object) -> str:
    done = simulator.run(SCRIPT.format(count=count, meter=meter), **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_as_many_as_were_asked_for_are_taken_whatever_they_are_numbered(nvml_simulator: NvmlSimulator) -> None:
    # A device cgroup shows the two GPUs alone, and the cluster still counts them 2 and 3.
    seen = found(nvml_simulator, count=2, gpus=2, order="3,1", CUDA_VISIBLE_DEVICES="2,3")
    assert seen == repr((UUIDS[3], UUIDS[1]))


@pytest.mark.parametrize(
    ("shown", "expected"), [("1", (UUIDS[0],)), (UUIDS[2], (UUIDS[2],)), ("2", (UUIDS[1],))]
)  # fmt: skip
def test_among_more_those_that_the_cluster_names_are_mapped_to_uuids(
    nvml_simulator: NvmlSimulator, shown: str, expected: tuple[str, ...]
) -> None:
    assert found(nvml_simulator, count=1, gpus=4, order="3,0,1,2", CUDA_VISIBLE_DEVICES=shown) == repr(expected)


def test_another_number_than_was_asked_for_is_refused_with_what_there_is(nvml_simulator: NvmlSimulator) -> None:
    unset = found(nvml_simulator, count=1, gpus=2)
    assert unset.startswith("refused: the run should have 1 GPU, but: CUDA_VISIBLE_DEVICES=None names GPU-00000000")
    fewer = found(nvml_simulator, count=3, gpus=4, CUDA_VISIBLE_DEVICES="0,1")
    assert fewer.startswith("refused: the run should have 3 GPUs, but: CUDA_VISIBLE_DEVICES=0,1 names GPU-00000000")
    none = found(nvml_simulator, count=1, gpus=2, CUDA_VISIBLE_DEVICES="NoDevFiles")
    assert none.startswith("refused: the run should have 1 GPU, but: CUDA_VISIBLE_DEVICES: 'NoDevFiles' names no GPU")


def test_unlike_gpus_that_are_named_by_number_are_refused(nvml_simulator: NvmlSimulator) -> None:
    seen = found(nvml_simulator, count=1, gpus=2, names="NVIDIA A100,NVIDIA H100", CUDA_VISIBLE_DEVICES="1")
    assert "refused: the run should have 1 GPU" in seen
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in seen


@pytest.mark.parametrize(("meter", "told"), [("auto", "refused"), ("nvml", "refused"), ("none", "None")])
def test_a_node_without_gpus_is_refused_unless_no_gpu_is_to_be_measured(
    nvml_simulator: NvmlSimulator, meter: str, told: str
) -> None:
    assert found(nvml_simulator, count=1, meter=meter, gpus=0).startswith(told)


def test_a_run_that_wants_no_gpu_gets_none(nvml_simulator: NvmlSimulator) -> None:
    assert found(nvml_simulator, count=0, gpus=2) == "()"
