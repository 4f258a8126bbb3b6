"""The holder of a lock: written into the lock file, so that others can see it. The lock itself is the kernel's."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from energy_score.contract.log_line import safe_line
from energy_score.contract.record import Moment, Record, SafeLine
from energy_score.contract.run_owner import Owner

# Long selections say no more than their beginning.
_COMMAND_MAX = 200


class LockHolder(Record):
    """The process that holds a lock, its start time, and its command."""

    process: Owner
    since: Moment
    command: SafeLine

    @classmethod
    def this_process(cls) -> Self:
        """Return this process as the holder, from now on."""
        program = Path(sys.argv[0]).name
        command = safe_line(shlex.join([program, *sys.argv[1:]]))  # cut afterwards: half a token is a secret too
        return cls(process=Owner.current(), since=datetime.now(UTC), command=command[:_COMMAND_MAX])

    def __str__(self) -> str:
        """Return the holder as shown in messages."""
        return f"{self.process} since {self.since:%Y-%m-%d %H:%M:%S %Z} ({self.command})"
