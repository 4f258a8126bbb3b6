"""What tests of several folders share."""

import atexit
import gc
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from energy_score import __version__
from energy_score.contract.optimum_environment import how_to_have_it, optimum_python
from tests.nvml_simulator.simulator import NvmlSimulator
from tests.support.leaderboard_pages import browser, large_site, visit  # noqa: F401 - fixtures of several folders

# Before any library reads them: nothing here may wait for a hub, and tiny models run slower on many threads.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell starts a job in the background with Ctrl-C ignored, and so would be the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Simulated GPUs have the same names in every session of tests, and must not be leased away from another one's.
if "ENERGY_SCORE_LOCK_DIR" not in os.environ:
    _locks = tempfile.mkdtemp(prefix="energy-score-locks-")
    os.environ["ENERGY_SCORE_LOCK_DIR"] = _locks
    atexit.register(shutil.rmtree, _locks, ignore_errors=True)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the three tiny models."""
    from examples.tiny_models import make_tiny_models  # noqa: PLC0415 - heavy, and most tests need no model

    folder = tmp_path_factory.mktemp("models")
    make_tiny_models(folder)
    return folder


@pytest.fixture(scope="session")
def all_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with tiny models for all ten tasks, one sheet, one data file, and the media that it names."""
    from examples.all_tasks import write_all_tasks  # noqa: PLC0415 - as above

    folder = tmp_path_factory.mktemp("all tasks")
    write_all_tasks(folder)
    return folder


@pytest.fixture(scope="session")
def optimum_environment() -> Path:
    """The Python of optimum-benchmark's own environment."""
    python = optimum_python(os.environ)
    if not python.exists():
        pytest.skip(f"optimum-benchmark's environment is not there: {how_to_have_it(os.environ)}")
    return python


@pytest.fixture(scope="session")
def nvml_simulator(tmp_path_factory: pytest.TempPathFactory) -> NvmlSimulator:
    simulator = NvmlSimulator(tmp_path_factory.mktemp("nvml_simulator"))
    if simulator.compiler is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    simulator.build()
    return simulator


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The container engine of this machine."""
    client, refused = None, ""
    try:
        client = docker.from_env()
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        refused = str(error)
    if refused:
        # The SDK leaves its socket to the garbage collector, which must not meet it in another test.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del client
            gc.collect()
        pytest.skip(f"no container engine answers: {refused}")
    assert client is not None
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The name of this program's image; .ci/run builds it."""
    name = os.environ.get("DOCKER_IMAGE", "ai_energy_score")
    try:
        labels = engine.images.get(name).labels
    except docker.errors.ImageNotFound:
        pytest.skip(f"the image {name} is not there: ./build.sh makes it")
    if labels.get("org.opencontainers.image.version") != __version__:
        pytest.skip(f"the image {name} is not of this version: ./build.sh makes it anew")
    return name
