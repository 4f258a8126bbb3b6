"""The program's command line within this process: as a user calls it, its errors and exit codes included."""

import contextlib
import io
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from batch_runner import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it wrote. Undocumented ends are raised as errors."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> str:
        return self.stdout + self.stderr


def command(*words: str) -> Outcome:
    """What the program does with ``words``."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main(words)
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, stdout.getvalue(), stderr.getvalue())


def program(*words: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the program does with ``words`` in ``folder``; ``environment`` is added to this process's own."""
    with contextlib.chdir(folder), mock.patch.dict(os.environ, environment):
        outcome = command(*words)
    return subprocess.CompletedProcess(words, outcome.exit_code, outcome.stdout, outcome.stderr)
