"""The docker executor on the nodes of real clusters: what a cancel leaves of containers, and whose GPU they see."""

import io
import json
import signal
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import docker
import pytest
from docker.models.containers import Container

from tests.e2e.conftest import accepts_gpu_requests
from tests.host.cluster.conftest import Batch, leased_node
from tests.support.patience import PATIENCE_S, wait_until
from tests.support.slurm_cluster import SlurmCluster

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

TAG = "energy-score-holds-on"
# Stands in the engine's place: it holds on until its input ends, as the engine does when its owner is gone.
HOLD_ON = "import sys; sys.stdin.buffer.read(); sys.exit(137)"


@pytest.fixture(scope="module")
def holding(engine: docker.DockerClient, image: str) -> Iterator[str]:
    """An image whose runs never end by themselves."""
    if not accepts_gpu_requests(engine, image):
        pytest.skip("this engine accepts no request for a GPU (tests/gpu_hook was not on its PATH)")
    if "nvidia" in engine.info()["Runtimes"]:
        pytest.skip("this engine hands out real GPUs")
    content = f"FROM {image}\nENTRYPOINT {json.dumps(['python', '-c', HOLD_ON])}\n".encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=TAG, rm=True)
    yield TAG
    engine.images.remove(TAG, force=True)


def containers(engine: docker.DockerClient, status: str | None = None) -> list[Container]:
    """Those of these tests, running or not."""
    named = {"name": "energy-score-toy_held"} | ({"status": status} if status else {})
    return list(engine.containers.list(all=True, filters=named, ignore_removed=True))


def in_containers(batch: Batch, image: str) -> Batch:
    return replace(batch, on=(*batch.on[:-2], "--node-executor", "docker", "--image", image))


@pytest.mark.slurm
def test_scancel_leaves_no_container(
    on_slurm: Batch, slurm: SlurmCluster, engine: docker.DockerClient, holding: str
) -> None:
    batch = in_containers(on_slurm, holding)
    program = batch.start(batch.sheet(6, name="held"))
    wait_until(lambda: len(containers(engine, "running")) == 4)
    slurm.run("scancel", "--user=root")
    _, told = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 1, told
    assert not containers(engine)
    wait_until(lambda: not slurm.tasks_on("n1") + slurm.tasks_on("n2"))


@pytest.mark.slurm
def test_a_container_gets_the_gpu_that_was_leased_by_its_uuid(
    on_slurm: Batch, engine: docker.DockerClient, holding: str
) -> None:
    batch = in_containers(on_slurm, holding)
    program = batch.start(batch.sheet(4, name="held"))
    wait_until(lambda: len(containers(engine, "running")) == 4)
    leased = {batch.record(f"toy_held-{number:02}", "run_owner.json")["gpu_uuids"][0] for number in range(4)}
    asked = {
        uuid
        for container in containers(engine)
        for request in container.attrs["HostConfig"]["DeviceRequests"]
        for uuid in request["DeviceIDs"]
    }
    program.kill()
    program.communicate()
    assert leased == asked == leased_node("n1") | leased_node("n2")
    assert batch.command("cancel").returncode == 0
    assert not containers(engine)


@pytest.mark.slurm
def test_a_node_that_is_lost_takes_its_containers_with_it(
    on_slurm: Batch, slurm: SlurmCluster, engine: docker.DockerClient, holding: str
) -> None:
    batch = in_containers(on_slurm, holding)
    program = batch.start(batch.sheet(4, name="held"))
    wait_until(lambda: len(containers(engine, "running")) == 4)
    slurm.kill("n2")
    wait_until(lambda: len(containers(engine, "running")) == 2)
    program.kill()
    program.communicate()
    assert batch.command("cancel").returncode == 0
    assert not containers(engine, "running")
    for left in containers(engine):  # its owner could not; the docker executor does it when it is next used there
        left.remove(force=True)


@pytest.mark.ray
def test_a_cancelled_ray_batch_leaves_no_container(on_ray: Batch, engine: docker.DockerClient, holding: str) -> None:
    batch = in_containers(on_ray, holding)
    program = batch.start(batch.sheet(6, name="held"))
    wait_until(lambda: len(containers(engine, "running")) == 4)
    program.send_signal(signal.SIGINT)
    _, told = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 130, told
    assert not containers(engine)
