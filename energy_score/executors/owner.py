"""Who started a container, told by its labels: what a dead owner left is known from what a living one runs."""

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

LABEL_PREFIX = "ai-energy-score.owner."
_PROC = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process, named so that no other one is ever taken for it: a number alone is used again after its end.

    ``started`` is its start in clock ticks after boot; ``pid_namespace`` says where ``pid`` counts.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: str
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
        """The owner that ``labels`` name; None where they name none."""
        try:
            return cls(**{name: labels[LABEL_PREFIX + name] for name in cls.__dataclass_fields__})
        except KeyError:
            return None

    def labels(self) -> dict[str, str]:
        """The owner as labels."""
        return {LABEL_PREFIX + name: value for name, value in asdict(self).items()}

    def is_dead(self, *, seen_by: "Owner") -> bool:
        """Whether ``seen_by`` can tell for certain that this process is gone; another host's can be told by nobody."""
        if self.host != seen_by.host:
            return False
        if self.boot_id != seen_by.boot_id:
            return True
        return self.pid_namespace == seen_by.pid_namespace and _start_of(self.pid) != self.started


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
