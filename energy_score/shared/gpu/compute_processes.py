"""Which of the processes on a GPU are not the run's own."""

import math
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Linux, include/uapi/linux/nsfs.h: PID_NS_INIT_INO. NVML names processes by their ids in this namespace.
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC


@dataclass(frozen=True)
class Sighting:
    """A compute process that was on a GPU at the look at ``first_s`` and at every one until that at ``gone_s``.

    ``gone_s`` is infinite as long as none has missed it; ``first_look`` is whether the very first look saw it.
    ``descends`` says that it was this process or a descendant when it was first seen.
    """

    process_id: int
    first_s: float
    gone_s: float
    first_look: bool
    descends: bool


def foreign_process_ids(
    sightings: Iterable[Sighting],
    own_process_ids: Collection[int],
    *,
    start_s: float,
    end_s: float,
    ids_are_comparable: bool,
    arrivals_s: Iterable[tuple[float, float]] = (),
    own_until_s: float | None = None,
) -> tuple[int, ...]:
    """The processes seen between ``start_s`` and ``end_s`` that are not the run's own, in order.

    Where NVML's ids are this process's, all are foreign but descendants and ``own_process_ids``. In a container they
    are the host's (or absent: some drivers show a container no process at all), and an own one cannot be told by its
    id. Foreign are then those of the first look, which is before the model is loaded, and those that appear after
    ``own_until_s`` (default: ``start_s``), when the run's own are there already. What appears in between is taken for
    own, and so is what appears within one of ``arrivals_s``, when a run started a further process of its own: the host
    sees the rest.
    """
    may_be_own_s = [(-math.inf, start_s if own_until_s is None else own_until_s), *arrivals_s]
    foreign = []
    for sighting in sightings:
        if sighting.first_s > end_s or sighting.gone_s < start_s:
            continue
        own = sighting.descends or sighting.process_id in own_process_ids
        if not ids_are_comparable:
            came_with_own = any(from_s <= sighting.first_s < until_s for from_s, until_s in may_be_own_s)
            own = own or (not sighting.first_look and came_with_own)
        if not own:
            foreign.append(sighting.process_id)
    return tuple(sorted(set(foreign)))


def ids_are_comparable() -> bool:
    """Whether NVML's process ids are those of this process's own namespace: not so in most containers."""
    try:
        return (_PROC / "self/ns/pid").stat().st_ino == _INITIAL_PID_NAMESPACE
    except OSError:  # no Linux, or no /proc: then no PID namespaces to tell apart
        return True


def is_alive(process_id: int) -> bool:
    """Whether there is such a process, also one of another user whose /proc is hidden from this one (hidepid)."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or no id that a process could have
        return True
    return True


def descends_from(process_id: int, ancestor_id: int) -> bool:
    """Whether ``process_id`` is ``ancestor_id`` or a descendant of it, as /proc tells now; False where it is gone."""
    while process_id > 1:
        if process_id == ancestor_id:
            return True
        process_id = _parent_id(process_id)
    return False


def with_descendants(roots: Collection[int]) -> frozenset[int]:
    """``roots`` and every process that descends from one of them, as /proc tells now."""
    if not roots:
        return frozenset()
    parents = {int(entry.name): _parent_id(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdecimal()}
    found, size = set(roots), -1
    while len(found) != size:
        size = len(found)
        found |= {process_id for process_id, parent_id in parents.items() if parent_id in found}
    return frozenset(found)


def _parent_id(process_id: int) -> int:
    try:
        status = (_PROC / str(process_id) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])
