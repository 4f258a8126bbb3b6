"""A container engine that a drill may kill, with an image of the real engine process and the toy backend."""

import contextlib
import io
import os
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from energy_score import __version__
from tests.drills.toy_workplace import ROOT, ToyWorkplace
from tests.support.private_engine import PrivateEngine

IMAGE = "drill"
SMALL_IMAGE_VARIABLE = "ENERGY_SCORE_SMALL_IMAGE"
# What the engine imports for a run without a model and without a GPU.
PACKAGES = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions.py", "pynvml.py")


@dataclass(frozen=True)
class DrillEngine:
    """The container engine, and the settings that make a batch use it."""

    private: PrivateEngine
    executor: tuple[str, ...] = ("--executor", "docker", "--image", IMAGE)

    @property
    def address(self) -> str:
        return self.private.address

    def start(self) -> None:
        self.private.start()

    def kill(self) -> None:
        self.private.kill()


@contextlib.contextmanager
def private_engine_with_toy_image(folder: Path, workplace: ToyWorkplace) -> Iterator[DrillEngine]:
    """An engine below ``folder``; ENERGY_SCORE_SMALL_IMAGE names an image with this Python on the machine's engine."""
    small = os.environ[SMALL_IMAGE_VARIABLE]
    (folder / "engine").mkdir()
    private = PrivateEngine(folder / "engine")
    private.start()
    try:
        with contextlib.closing(docker.from_env()) as engine, contextlib.closing(private.client()) as client:
            client.images.load(b"".join(engine.images.get(small).save(named=small)))
            client.images.build(fileobj=_context(small, workplace), custom_context=True, tag=IMAGE)
        yield DrillEngine(private)
    finally:
        private.stop()


def _context(small: str, workplace: ToyWorkplace) -> io.BytesIO:
    dockerfile = (
        f"FROM {small}\nLABEL org.opencontainers.image.version={__version__}\nCOPY site /site\n"
        'ENV PYTHONPATH=/site\nENTRYPOINT ["python3", "-m", "energy_score.engine"]\n'
    )
    packages = Path(sysconfig.get_path("purelib"))
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
        for path in (ROOT / "energy_score", *(packages / name for name in PACKAGES)):
            tar.add(path, f"site/{path.name}", filter=_without_caches)
        for path in (workplace.folder / "site").iterdir():
            tar.add(path, f"site/{path.name}", filter=_without_caches)
    context.seek(0)
    return context


def _without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry
