"""Which processes listen on a TCP port of this machine."""

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
# Linux, include/net/tcp_states.h: TCP_LISTEN; proc(5) has the columns of /proc/net/tcp.
_LISTEN = "0A"


def listening_process_ids(port: int, *, proc: Path = _PROC) -> frozenset[int]:
    """The processes that hold a socket listening on ``port``; none that another user owns, unless this one is root."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port, proc)}
    if not sockets:
        return frozenset()
    return frozenset(
        int(process.name) for process in proc.iterdir() if process.name.isdecimal() and sockets & set(_open(process))
    )


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # no IPv6, or no Linux
            continue
        for columns in (line.split() for line in lines):
            if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _open(process: Path) -> Iterator[str]:
    """What the process's file descriptors lead to; nothing of a process that is gone or another user's."""
    try:
        for descriptor in (process / "fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:
        return
