"""GPUs in containers on a machine without any: the engine is made to accept the requests, the image holds a simulator.

A container engine that was started with ``tests/gpu_hook`` on its PATH accepts requests for GPUs; .ci/run starts it so.
"""

import csv
import io
import json
import shlex
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from energy_score import __version__
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.run_report import EnergySource, RunReport
from tests.e2e.conftest import Workplace, accepts_gpu_requests
from tests.nvml_simulator.simulator import HOPPER_SENSORS, UUIDS, NvmlSimulator

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

BASE = "./models/base-tiny,Off (N/A),N/A"
RUN = Path("individual_runs/models_base-tiny_Off_N_A")
# Stands in the engine's place, and writes down which devices it was given.
TELL = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[sys.argv.index('--output') + 1] + '/env', 'w'))"


@pytest.fixture(scope="module")
def accepting(engine: docker.DockerClient, image: str) -> docker.DockerClient:
    """An engine that accepts a request for a GPU."""
    if not accepts_gpu_requests(engine, image):
        pytest.skip("this engine accepts no request for a GPU (tests/gpu_hook was not on its PATH)")
    if "nvidia" in engine.info()["Runtimes"]:
        pytest.skip("this engine hands out real GPUs")
    return engine


def build(engine: docker.DockerClient, tag: str, dockerfile: str, files: dict[str, bytes]) -> Iterator[str]:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, content in {"Dockerfile": dockerfile.encode(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    yield tag
    engine.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def telling(accepting: docker.DockerClient, image: str) -> Iterator[str]:
    entry = json.dumps(["python", "-c", TELL])
    yield from build(
        accepting, "energy-score-tells", f"FROM {image}\nLABEL org.opencontainers.image.version={__version__}\n"
        f"ENTRYPOINT {entry}\n", {},
    )  # fmt: skip


@pytest.fixture(scope="module")
def simulating(accepting: docker.DockerClient, image: str, nvml_simulator: NvmlSimulator) -> Iterator[str]:
    settings = {f"NVML_SIMULATOR_{name.upper()}": value for name, value in HOPPER_SENSORS.items()}
    variables = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in settings.items())
    library = nvml_simulator.library.name
    yield from build(
        accepting, "energy-score-simulates", f"FROM {image}\nCOPY {library} /opt/nvml/\n"
        f"ENV LD_LIBRARY_PATH=/opt/nvml {variables}\n", {library: nvml_simulator.library.read_bytes()},
    )  # fmt: skip


@pytest.mark.parametrize(("model_class", "given"), [("A", UUIDS[:1]), ("B", UUIDS[:1]), ("C", UUIDS[:2])])
def test_a_container_is_given_one_gpu_for_classes_a_and_b_and_two_for_a_small_model_of_c(
    containers: Workplace, telling: str, nvml_simulator: NvmlSimulator, tmp_path: Path,
    *, model_class: str, given: tuple[str, ...],
) -> None:  # fmt: skip
    sheet = containers.sheet("gpus.csv", [BASE])
    sheet.write_text(sheet.read_text().replace(",1,A,", f",1,{model_class},"))
    variables = nvml_simulator.environment(gpus=3, OMP_NUM_THREADS=1)
    done = containers.run(sheet, tmp_path, "--image", telling, **variables)
    assert done.returncode == 1, done.stderr
    told = json.loads((tmp_path / RUN / "env").read_text())
    assert told["NVIDIA_VISIBLE_DEVICES"] == ",".join(given)
    assert told["CUDA_VISIBLE_DEVICES"] == ",".join(given)


def test_gpus_that_the_engine_did_not_hand_on_are_missed_before_anything_is_measured(
    containers: Workplace, accepting: docker.DockerClient, nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    """The plain image has no NVML: to the engine inside it is as if the request had been ignored."""
    variables = nvml_simulator.environment(gpus=1, OMP_NUM_THREADS=1)
    done = containers.run(containers.sheet("ignored.csv", [BASE]), tmp_path, **variables)
    assert done.returncode == 1
    failure = json.loads((tmp_path / RUN / "run_failure.json").read_text())
    assert failure["stage"] == "start"
    assert f"was given {UUIDS[0]}, which is not visible here" in failure["message"]


def test_both_witnesses_of_a_run_in_a_container_agree(
    containers: Workplace, simulating: str, nvml_simulator: NvmlSimulator, tmp_path: Path
) -> None:
    variables = nvml_simulator.environment(**HOPPER_SENSORS, OMP_NUM_THREADS=1)
    done = containers.run(containers.sheet("witnessed.csv", [BASE]), tmp_path, "--image", simulating, **variables)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "master_results.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["energy_source"], row["rateable"], row["gpu_count"]) == ("simulated", "false", "1")
    assert not [code for code in row["verdict_reasons"].split("; ") if "witness" in code]
    report = RunReport.read(tmp_path / RUN / "benchmark_report.json")
    assert [gpu.uuid for gpu in report.hardware.gpus] == [UUIDS[0]]
    witness = HostWitness.read(tmp_path / RUN / "host_witness.json")
    assert witness.source is EnergySource.SIMULATED
    assert list(witness.energy_j) == [UUIDS[0]]
    assert sum(witness.energy_j.values()) == pytest.approx(300 * witness.duration_s, rel=0.05)
    assert float(row["mean_power_w"]) == pytest.approx(300, rel=0.05)
