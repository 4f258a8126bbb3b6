"""The container engine of this machine, and this program's image in it, for the tests that need them."""

import gc
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from energy_score import __version__

if TYPE_CHECKING:
    import docker


@pytest.fixture(scope="session")
def engine() -> "Iterator[docker.DockerClient]":
    """The container engine of this machine."""
    import docker  # noqa: PLC0415 - most tests need no container

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
def image(engine: "docker.DockerClient") -> str:
    """The name of this program's image; .ci/run builds it."""
    import docker  # noqa: PLC0415 - as above

    name = os.environ.get("DOCKER_IMAGE", "ai_energy_score")
    try:
        labels = engine.images.get(name).labels
    except docker.errors.ImageNotFound:
        pytest.skip(f"the image {name} is not there: ./build.sh makes it")
    if labels.get("org.opencontainers.image.version") != __version__:
        pytest.skip(f"the image {name} is not of this version: ./build.sh makes it anew")
    return name
