import json

import pytest

from tests.nvml_simulator.simulator import UUIDS, NvmlSimulator

SHOW = """
import json, os, sys
from pathlib import Path
from energy_score.contract.errors import EnergyScoreError
from energy_score.host.single_run.composition import compose
from energy_score.host.single_run.gpus import show_gpus
from energy_score.host.single_run.order import resolve_single_order
composition = compose("text_generation", ["backend.model=org/name", *json.loads(os.environ["KEYS"])])
try:
    show_gpus(resolve_single_order(composition, {}, query_count=1, directory=Path()))
except EnergyScoreError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
print(os.environ.get("CUDA_VISIBLE_DEVICES"))
"""


def show(simulator: NvmlSimulator, *keys: str, **settings: object) -> tuple[int, str]:
    done = simulator.run(SHOW, KEYS=json.dumps(keys), **settings)
    return done.returncode, (done.stdout or done.stderr).strip()


def test_the_named_gpus_are_shown_by_uuid_in_their_order(nvml_simulator: NvmlSimulator) -> None:
    assert show(nvml_simulator, "backend.device_ids=2,0", gpus=3) == (0, f"{UUIDS[2]},{UUIDS[0]}")
    assert show(nvml_simulator, f"backend.device_ids={UUIDS[1]}", gpus=3) == (0, UUIDS[1])


def test_an_index_counts_the_gpus_that_are_visible(nvml_simulator: NvmlSimulator) -> None:
    assert show(nvml_simulator, "backend.device_ids=0", gpus=3, CUDA_VISIBLE_DEVICES="2") == (0, UUIDS[2])


@pytest.mark.parametrize("key", ["backend.device_ids=1", f"backend.device_ids={UUIDS[0]}"])
def test_a_gpu_that_is_not_visible_is_refused_by_its_key(nvml_simulator: NvmlSimulator, key: str) -> None:
    code, message = show(nvml_simulator, key, gpus=3, CUDA_VISIBLE_DEVICES="2")
    assert code == 3
    assert message.startswith(key)


def test_without_named_gpus_what_is_visible_stays(nvml_simulator: NvmlSimulator) -> None:
    assert show(nvml_simulator, "backend.device=cuda", gpus=2, CUDA_VISIBLE_DEVICES="1") == (0, "1")
    assert show(nvml_simulator, "backend.device=cpu", gpus=2, CUDA_VISIBLE_DEVICES="1") == (0, "1")


def test_cuda_where_no_gpu_is_visible_is_a_fault_of_the_environment(nvml_simulator: NvmlSimulator) -> None:
    code, message = show(nvml_simulator, "backend.device=cuda", gpus=1, CUDA_VISIBLE_DEVICES="")
    assert code == 3
    assert message.startswith("backend.device=cuda: ")
    assert "backend.device=cpu" in message
