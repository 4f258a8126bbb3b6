"""The input of a cluster's tasks: which runs, and how a node executes them. One file per array."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from energy_score.contract.choices import ClusterEngine
from energy_score.contract.errors import RecordError
from energy_score.contract.record import Moment, Record

FOLDER = "cluster"
# Slurm's MaxArraySize is 1001 unless configured otherwise (slurm.conf(5)): indices 0 to 1000.
ARRAY_MAX = 1000


class NodeSettings(Record):
    """How a node executes a run: with the docker executor and ``image`` and ``memory``, or with the local one.

    It waits ``gpu_wait_s`` for a GPU of its allocation that a foreign process is using.
    """

    executor: str
    image: str
    memory: str | None = None
    timeout_s: float
    gpu_wait_s: float = 600.0


class ClusterTask(Record):
    """One run: ``name`` is the name of its run directory, ``run_id`` belongs to the run spec in it."""

    name: str
    run_id: str


class TaskList(Record):
    """Runs that need the same number of GPUs; ``job_name`` is the list's name, and that of its jobs in the queue.

    It is saved in the output directory before anything is submitted, so that after a dead driver every
    possible job is known.
    """

    schema_version: Literal[1] = 1
    engine: ClusterEngine
    job_name: str
    submitted_at: Moment
    output_directory: str
    gpu_count: int
    node: NodeSettings
    tasks: tuple[ClusterTask, ...]

    @classmethod
    def of(
        cls,
        tasks: Sequence[ClusterTask],
        *,
        engine: ClusterEngine,
        output_directory: Path,
        gpu_count: int,
        node: NodeSettings,
    ) -> Self:
        """Create a list with a unique name."""
        return cls(
            engine=engine,
            job_name=f"energy-score-{secrets.token_hex(6)}",
            submitted_at=datetime.now(UTC),
            output_directory=str(output_directory.resolve()),
            gpu_count=gpu_count,
            node=node,
            tasks=tuple(tasks),
        )

    @property
    def file(self) -> Path:
        """Return the path of the list."""
        return Path(self.output_directory) / FOLDER / f"{self.engine}-{self.job_name}.json"

    def save(self) -> None:
        """Write the list to its file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.write(self.file)


def task_lists(output_directory: Path, engine: ClusterEngine) -> Iterator[TaskList]:
    """Yield the lists of ``engine`` in an output directory, oldest first; unreadable ones are skipped.

    The directory may have been moved since: each list has its current location.
    """
    found = []
    for path in (output_directory / FOLDER).glob(f"{engine}-*.json"):
        try:
            listed = TaskList.read(path)
        except RecordError:
            continue
        found.append(listed.model_copy(update={"output_directory": str(output_directory.resolve())}))
    yield from sorted(found, key=lambda listed: listed.submitted_at)
