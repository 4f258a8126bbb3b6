"""A short drill; the long one is ``python -m tests.drills``, a hundred kills."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import docker
import pytest

from tests.drills.containers import SMALL_IMAGE_VARIABLE, private_engine_with_toy_image
from tests.drills.kill_drill import series
from tests.drills.toy_workplace import ToyWorkplace

pytestmark = pytest.mark.slow


def test_whoever_is_killed_the_same_command_completes_every_row_once(toy: ToyWorkplace, tmp_path: Path) -> None:
    told: list[str] = []
    drills = series(toy, tmp_path, kills=6, victims=("batch", "engine"), seed=20261124, tell=told.append)
    assert [one.fault for one in drills] == [None] * 6, "\n".join(told)
    assert all(one.reads for one in drills)


@pytest.mark.docker
# docker's SDK leaves the sockets of its streams (an image saved, an image built) to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_container_engine_that_is_killed_loses_no_row(
    toy: ToyWorkplace, tmp_path: Path, engine: docker.DockerClient
) -> None:
    if os.environ.get(SMALL_IMAGE_VARIABLE) is None:
        pytest.skip("ENERGY_SCORE_SMALL_IMAGE names no small image with Python")
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd, to start an engine of its own")
    told: list[str] = []
    victims = ("container-engine", "batch", "engine")
    # A folder of its own with a short name: the path of an engine's socket has a limit of 108 characters.
    with (
        tempfile.TemporaryDirectory(prefix="es-", ignore_cleanup_errors=True) as short,
        private_engine_with_toy_image(Path(short), toy) as private,
    ):
        drills = series(
            toy, tmp_path / "out", kills=3, victims=victims, seed=7, tell=told.append, executor=private.executor,
            engine=private, DOCKER_HOST=private.address,
        )  # fmt: skip
    gc.collect()  # release the sockets here, where that is not an error, and not in the next test
    assert [one.fault for one in drills] == [None] * 3, "\n".join(told)
