"""The process that works on a run: its unique identity, and the record of it in the run directory."""

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
    """A process, identified beyond its number, because numbers are reused after a process has ended.

    ``started`` is its start in clock ticks after boot; ``pid_namespace`` is the namespace of ``pid``.
    """

    host: SafeLine
    boot_id: str
    pid_namespace: str
    pid: SafeLine
    started: str

    @classmethod
    def current(cls) -> Self:
        """Return this process as an owner."""
        return cls(
            host=socket.gethostname(),
            boot_id=(_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            pid_namespace=str((_PROC / "self/ns/pid").readlink()),
            pid=str(os.getpid()),
            started=_read_start(str(os.getpid())) or "",
        )

    @classmethod
    def of_labels(cls, labels: Mapping[str, str]) -> Self | None:
        """Return the owner in a container's ``labels``, or None if they have none."""
        try:
            return cls(**{name: labels[LABEL_PREFIX + name] for name in cls.model_fields})
        except KeyError:
            return None

    def labels(self) -> dict[str, str]:
        """Return the owner as labels for a container."""
        return {LABEL_PREFIX + name: value for name, value in self.model_dump().items()}

    def is_dead(self, *, seen_by: "Owner") -> bool:
        """Return whether ``seen_by`` is certain that this process is dead; it cannot know that for other hosts."""
        if self.host != seen_by.host:
            return False
        if self.boot_id != seen_by.boot_id:
            return True
        return self.pid_namespace == seen_by.pid_namespace and _read_start(self.pid) != self.started

    def __str__(self) -> str:
        """Return the process as shown in messages."""
        return f"process {self.pid} on {self.host}"


class RunOwner(Record):
    """Who runs a row: ``run_owner.json``, written before the engine starts and again when the run ends.

    ``executor`` is the executor's name and ``cluster_job`` the job of the run, such as ``slurm:123_4``, or None
    outside of a cluster. ``gpu_uuids`` are the leased GPUs, or None if none were leased and the executor used the
    visible ones. ``attempt`` counts the attempts at the same run spec from 1.

    ``finished_at`` and ``concurrent_runs`` (the highest number of our runs on the machine at the same time, including
    this one) are None until the run has ended, and stay None if its owner died before. The file is
    kept: it says who worked; the report or failure says with what result.
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
        """Return this process as the owner of a run, from now on."""
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
        """Return whether the run's owner is certainly gone, as far as this process can tell."""
        return self.finished_at is not None or self.process.is_dead(seen_by=Owner.current())


def _read_start(pid: str) -> str | None:
    """Return the start of the process in clock ticks after boot, or None if it does not exist."""
    if not pid.isdecimal():
        return None
    try:
        status = (_PROC / pid / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Fields after the name, which can contain spaces and parentheses; the start is field 22 in total (proc(5)).
    return status.rpartition(")")[2].split()[19]
