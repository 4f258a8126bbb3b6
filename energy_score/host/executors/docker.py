"""The docker executor: one container per run, on this machine's container engine."""

import logging
import os
import re
import threading
import uuid
from dataclasses import replace

import docker
from docker.errors import DockerException, ImageNotFound
from docker.utils import parse_bytes

from energy_score import __version__
from energy_score.contract.errors import EnvironmentNotReadyError, UsageError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_owner import Owner
from energy_score.contract.run_spec import RunSpec
from energy_score.host.executors.container import Container, innermost, remove
from energy_score.host.executors.container_settings import container_settings, readable_token
from energy_score.host.executors.container_stream import ENGINE_FAULTS, ContainerStream
from energy_score.host.executors.engine_output import OnEvent, OnLogLine
from energy_score.host.executors.executor import Execution
from energy_score.host.executors.witness import open_witness

log = logging.getLogger(__name__)

RUN_LABEL = "ai-energy-score.run"
_VERSION_LABEL = "org.opencontainers.image.version"
_WITHOUT_CONTAINERS = "or run without containers: --executor local"
# A host name can have 63 characters, and a container's name becomes one.
_NAME_MAX = 40


class DockerExecutor:
    """Run each engine in a container of the image ``image``; ``memory`` limits each one, in bytes."""

    name = "docker"

    def __init__(self, *, timeout_s: float, image: str, memory: int | None) -> None:
        self.image: str | None = None
        self._image_name = image
        self._timeout_s = timeout_s
        self._memory = memory
        self._client: docker.DockerClient | None = None
        self._running: set[Container] = set()
        self._stopping = threading.Event()

    def check(self, *, backend: str) -> None:
        """Return if the container engine of this machine answers and has the image of this program's version.

        Containers left by dead owners of ours are removed.
        """
        del backend  # the image has the packages of all of them
        client = self._connected()
        if not client.api.base_url.startswith("http+docker://local"):
            raise EnvironmentNotReadyError(
                f"the container engine at {os.environ.get('DOCKER_HOST')} cannot access this machine's run "
                f"directories: unset DOCKER_HOST, {_WITHOUT_CONTAINERS}"
            )
        try:
            image = client.images.get(self._image_name)
        except ImageNotFound as error:
            raise EnvironmentNotReadyError(
                f"Docker image '{self._image_name}' not found. Build it with ./build.sh, {_WITHOUT_CONTAINERS}"
            ) from error
        version = image.labels.get(_VERSION_LABEL)
        if version != __version__:
            raise EnvironmentNotReadyError(
                f"Docker image '{self._image_name}' has version {version}, but this program has {__version__}. "
                f"Rebuild it with ./build.sh, {_WITHOUT_CONTAINERS}"
            )
        self.image = str(image.id)
        self._sweep(client)

    def execute(
        self,
        directory: RunDirectory,
        *,
        spec: RunSpec,
        on_event: OnEvent,
        on_log_line: OnLogLine,
        gpu_uuids: tuple[str, ...] | None = None,
    ) -> Execution:
        """Run the spec in a container; on Ctrl-C, the engine can finish its query before KeyboardInterrupt is raised.

        Raises:
            EnvironmentNotReadyError: The container cannot be started; the message has the reason and what to do.
        """
        api = self._connected().api
        name = container_name(spec.run_id)
        labels = {RUN_LABEL: spec.run_id, **Owner.current().labels()}
        with open_witness(spec, leased=gpu_uuids) as witness, readable_token() as token_file:
            settings = container_settings(
                spec,
                directory=directory,
                gpu_uuids=()
                if spec.endpoint
                else witness.uuids or gpu_uuids or (),  # a server's GPUs are not the client's
                memory=self._memory,
                token_file=token_file,
            )
            container = Container(api, name=name, stream=ContainerStream(on_event, on_log_line))
            witness.is_of_run = container.holds
            user = f"{os.getuid()}:{os.getgid()}"
            with container.created(self.image or self._image_name, settings, labels=labels, user=user):
                self._running.add(container)
                try:
                    execution = container.run(self._timeout_s, stopping=self._stopping)
                finally:
                    self._running.discard(container)
        if directory.report_file.exists():
            witness.write(directory.witness_file)
        return replace(execution, interrupted=self._stopping.is_set(), gpu_was_shared=witness.gpu_was_shared)

    def stop(self, *, at_once: bool) -> None:
        """Ask every current engine to finish its query and end, or end it ``at_once``."""
        self._stopping.set()
        for container in tuple(self._running):
            container.signal("SIGKILL" if at_once else "SIGTERM")

    def _connected(self) -> docker.DockerClient:
        if self._client is None:
            client = None
            try:
                client = docker.from_env()
                client.ping()
            except ENGINE_FAULTS as error:
                if client is not None:
                    client.close()
                raise EnvironmentNotReadyError(
                    f"cannot connect to the container engine ({innermost(error)}). Start it (sudo systemctl start "
                    f"docker) and get access to it (sudo usermod -aG docker $USER), {_WITHOUT_CONTAINERS}"
                ) from error
            self._client = client
        return self._client

    @staticmethod
    def _sweep(client: docker.DockerClient) -> None:
        """Remove what dead owners of ours left, and nothing else."""
        this = Owner.current()
        for left in client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True):
            owner = Owner.of_labels(left.labels)
            if owner is not None and owner.is_dead(seen_by=this):
                log.warning("removing a container that a dead batch left: name=%s", left.name)
                remove(client.api, left.id)


def container_name(run_id: str) -> str:
    """Return a unique container name for the run; few characters are allowed in it."""
    return f"energy-score-{re.sub(r'[^a-zA-Z0-9_.-]', '_', run_id)[:_NAME_MAX]}-{uuid.uuid4().hex[:8]}"


def open_docker_executor(*, timeout_s: float, image: str, memory: str | None) -> DockerExecutor:
    """Return the docker executor, without connecting to the container engine.

    Raises:
        UsageError: ``memory`` is not a size.
    """
    try:
        limit_bytes = None if memory is None else int(parse_bytes(memory))
    except DockerException as error:
        raise UsageError(f"invalid --memory {memory!r} (expected a number with b, k, m or g, such as 48g)") from error
    return DockerExecutor(timeout_s=timeout_s, image=image, memory=limit_bytes)
