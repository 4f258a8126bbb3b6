"""Who works on a run: a process, told from every other one, living or dead; and the record of it beside the run."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from energy_score.contract.record import Moment, Record, SafeLine

LABEL_PREFIX = "ai-energy-score.owner."
_PROC = Path("/proc")


class Owner(Record):
    """A process, named so that no other one is ever taken for it: a number alone is used again after its end.

    ``started`` is its start in clock ticks after boot; ``pid_namespace`` says where ``pid`` counts.
    """

    host: SafeLine
    boot_id: str
    pid_namespace: str
    pid: SafeLine
    started: str

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls(
            host=socket.gethostname(),
            boot_id=(_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            pid_namespace=str((_PROC / "self/ns/pid").readlink()),
            pid=str(os.getpid()),
            started=_start_of(str(os.getpid())) or "",
        )

    @classmethod
    def of_labels(cls, labels: Mapping[str, str]) -> Self | None:
        """The owner that a container's ``labels`` name; None where they name none."""
        try:
            return cls(**{name: labels[LABEL_PREFIX + name] for name in cls.model_fields})
        except KeyError:
            return None

    def labels(self) -> dict[str, str]:
        """The owner as labels of a container."""
        return {LABEL_PREFIX + name: value for name, value in self.model_dump().items()}

    def is_dead(self, *, seen_by: "Owner") -> bool:
        """Whether ``seen_by`` can tell for certain that this process is gone; another host's can be told by nobody."""
        if self.host != seen_by.host:
            return False
        if self.boot_id != seen_by.boot_id:
            return True
        return self.pid_namespace == seen_by.pid_namespace and _start_of(self.pid) != self.started

    def __str__(self) -> str:
        """The process as a message names it."""
        return f"process {self.pid} on {self.host}"


class RunOwner(Record):
    """Who carries out a run: ``run_owner.json``, written before the engine starts and again at the run's end.

    ``executor`` is the executor's name and ``cluster_job`` the job that it happens in, such as ``slurm:123_4``; None
    outside of a cluster. ``gpu_uuids`` are the GPUs that were leased for the run; None where nobody leased any and the
    executor took the visible ones. ``attempt`` counts the executions of the same order from 1.

    ``finished_at`` and ``concurrent_runs`` (how many runs of ours were under way on the machine at most, this one
    among them) are None until the run has ended, and stay None where its owner died before it could say. The file is
    kept: it says who worked, the report or the failure says what came of it.
    """

    schema_version: Literal[1] = 1
    run_id: str
    process: Owner
    executor: SafeLine
    started_at: Moment
    cluster_job: SafeLine | None = None
    gpu_uuids: tuple[str, ...] | None = None
    attempt: int = 1
    finished_at: Moment | None = None
    concurrent_runs: int | None = None

    @classmethod
    def this_process(
        cls,
        run_id: str,
        *,
        executor: str,
        cluster_job: str | None = None,
        gpu_uuids: tuple[str, ...] | None = None,
        attempt: int = 1,
    ) -> Self:
        """This process as the owner of a run, from now on."""
        return cls(
            run_id=run_id,
            process=Owner.current(),
            executor=executor,
            started_at=datetime.now(UTC),
            cluster_job=cluster_job,
            gpu_uuids=gpu_uuids,
            attempt=attempt,
        )

    def has_left(self) -> bool:
        """Whether nobody works on the run any more, as far as this process can tell for certain."""
        return self.finished_at is not None or self.process.is_dead(seen_by=Owner.current())


def _start_of(pid: str) -> str | None:
    """When the process started, in clock ticks after boot; None where there is none."""
    if not pid.isdecimal():
        return None
    try:
        status = (_PROC / pid / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Fields after the name, which may hold spaces and parentheses; the 22nd of all is the start (proc(5)).
    return status.rpartition(")")[2].split()[19]
