"""Who holds a lock: written into the locked file, for whoever finds it locked. The lock itself is the kernel's."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from energy_score.contract.log_line import safe_line
from energy_score.contract.record import Moment, Record, SafeLine
from energy_score.contract.run_owner import Owner

# A long selection says nothing that its beginning does not.
_COMMAND_MAX = 200


class LockHolder(Record):
    """The process that holds a lock, since when, and the command it was started with."""

    process: Owner
    since: Moment
    command: SafeLine

    @classmethod
    def this_process(cls) -> Self:
        """This process, from now on."""
        program = Path(sys.argv[0]).name
        command = safe_line(shlex.join([program, *sys.argv[1:]]))  # before it is cut: half a token is one too
        return cls(process=Owner.current(), since=datetime.now(UTC), command=command[:_COMMAND_MAX])

    def __str__(self) -> str:
        """The holder as a message names it."""
        return f"{self.process} since {self.since:%Y-%m-%d %H:%M:%S %Z} ({self.command})"
