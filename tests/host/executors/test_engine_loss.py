"""What becomes of a run when the container engine goes away under it, on an engine of the tests' own.

The image holds a small program in the engine's place, so that a run takes seconds.
"""

import contextlib
import gc
import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import docker
import pytest

from energy_score import __version__
from energy_score.contract.errors import EnvironmentNotReadyError
from energy_score.contract.run_directory import RunDirectory
from energy_score.contract.run_spec import DatasetRef
from energy_score.host.executors import container
from energy_score.host.executors.container_settings import container_settings
from energy_score.host.executors.container_stream import ContainerStream
from energy_score.host.executors.docker import RUN_LABEL, DockerExecutor
from energy_score.host.executors.executor import Execution
from tests.nvml_simulator.simulator import UUIDS
from tests.support.patience import PATIENCE_S
from tests.support.private_engine import PrivateEngine
from tests.support.record_factory import make_spec

pytestmark = [
    pytest.mark.docker,
    # The SDK leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

SMALL_IMAGE = os.environ.get("ENERGY_SCORE_SMALL_IMAGE")
PROGRAM = """\
import json, os, sys, threading, time
def end_with_input():
    while os.read(0, 4096): pass
    os._exit(9)
threading.Thread(target=end_with_input, daemon=True).start()
for number in range(40):
    print(json.dumps({"event": "progress", "phase": "full", "queries_done": number, "queries_planned": 9}), flush=True)
    print(f"line {number}", file=sys.stderr, flush=True)
    time.sleep(0.2)
"""
DOCKERFILE = f"""\
FROM {SMALL_IMAGE}
LABEL org.opencontainers.image.version={__version__}
COPY program.py /program.py
ENTRYPOINT ["python3", "/program.py"]
"""


@pytest.fixture(autouse=True)
def _collected_here() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module", params=["plain", "live-restore"])
def private(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient
) -> Iterator[PrivateEngine]:
    if SMALL_IMAGE is None:
        pytest.skip("ENERGY_SCORE_SMALL_IMAGE names no small image with Python")
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd, to start an engine of its own")
    options = ("--live-restore",) if request.param == "live-restore" else ()
    private = PrivateEngine(tmp_path_factory.mktemp("engine"), options)
    try:
        private.start()
    except RuntimeError as error:
        private.stop()
        pytest.skip(f"a second engine does not start here: {error}")
    client = private.client()
    client.images.load(b"".join(engine.images.get(SMALL_IMAGE).save(named=SMALL_IMAGE)))
    client.images.build(fileobj=build_context(), custom_context=True, tag="stand-in")
    client.close()
    yield private
    private.stop()


def build_context() -> io.BytesIO:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE), ("program.py", PROGRAM)):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    return context


class StandInRun:
    """One run of the program on the private engine, in a thread of its own."""

    def __init__(self, private: PrivateEngine, folder: Path) -> None:
        self.events: list[Any] = []
        self.lines: list[str] = []
        self.execution: Execution | None = None
        self.error: EnvironmentNotReadyError | None = None
        self._directory = RunDirectory(folder)
        model = folder.parent / "model"
        model.mkdir(exist_ok=True)
        dataset = DatasetRef(path=str(model / "prompts.txt"), sha256="0" * 64, columns=("text",))
        self._spec = make_spec(model_path=str(model), dataset=dataset)
        (model / "prompts.txt").write_text("a prompt")
        self._executor = DockerExecutor(timeout_s=PATIENCE_S, image="stand-in", memory=None)
        self._executor._client = private.client()
        self._executor.check(backend="pytorch")
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        while len(self.lines) < 10 and self._thread.is_alive():
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE_S)
        assert self.error is None or self.execution is None
        assert self._executor._client is not None
        self._executor._client.close()

    def _run(self) -> None:
        try:
            self.execution = self._executor.execute(
                self._directory, spec=self._spec, on_event=self.events.append, on_log_line=self.lines.append
            )
        except EnvironmentNotReadyError as error:
            self.error = error


def left(private: PrivateEngine) -> list[Any]:
    client = private.client()
    containers = client.containers.list(all=True, filters={"label": RUN_LABEL})
    client.close()
    return list(containers)


def test_a_run_survives_an_engine_that_keeps_its_containers_and_is_told_lost_otherwise(
    private: PrivateEngine, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    with StandInRun(private, tmp_path / "run") as run:
        private.kill()
        time.sleep(1)
        private.start()
    if private.options:
        assert run.execution == Execution(exit_code=0)
        numbers = [int(line.removeprefix("line ")) for line in run.lines]
        assert numbers == sorted(set(numbers))
        # What a killed engine had taken and not yet written is in no log of its own.
        assert len(numbers) >= 38, str(numbers)
        assert numbers[-1] == 39
    else:
        assert run.execution is not None
        assert run.execution.engine_lost
        assert run.lines == [f"line {number}" for number in range(len(run.lines))]
    assert not left(private)


def test_an_engine_that_does_not_return_ends_the_run_and_the_next_one_says_so(
    private: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_ENGINE_RETURNS_S", 1.0)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with StandInRun(private, tmp_path / "first") as run:
        private.kill()
    assert run.execution == Execution(exit_code=None, engine_lost=True)

    private.start()
    following = StandInRun(private, tmp_path / "second")  # sweeps nothing: this process, the owner, lives
    private.kill()
    with following:
        pass
    assert "the container engine does not answer" in str(following.error)
    private.start()
    for orphan in left(private):
        orphan.remove(force=True)


def test_an_engine_that_cannot_hand_out_gpus_says_what_is_missing(private: PrivateEngine, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "model").mkdir()
    dataset = DatasetRef(path=str(tmp_path / "model" / "prompts.txt"), sha256="0" * 64, columns=("text",))
    (tmp_path / "model" / "prompts.txt").write_text("a prompt")
    settings = container_settings(
        make_spec(model_path=str(tmp_path / "model"), dataset=dataset),
        directory=RunDirectory(tmp_path / "run"), gpu_uuids=(UUIDS[0],), memory=None, token_file=None,
    )  # fmt: skip
    with contextlib.closing(private.client()) as client:
        stream = ContainerStream(lambda _: None, lambda _: None)
        asking = container.Container(client.api, name="asks-for-a-gpu", stream=stream)
        with (
            pytest.raises(EnvironmentNotReadyError, match=r"could not select device driver.*NVIDIA Container Toolkit"),
            asking.created("stand-in", settings, labels={RUN_LABEL: "asks"}, user="0:0"),
        ):
            asking.run(5)
    assert not left(private)
