"""A target of fuzzing: the cases, and what must hold for each of them; and how long ones of many are run."""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from energy_score.contract.errors import ExitCode
from tests.security.traces import raw_controls
from tests.support.command_line import Outcome, command

# Memory, where there is such a folder: a case writes some files and removes them.
_FOLDER = next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)  # noqa: S108 - private below it
_CHECKS_OFF = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)


@dataclass(frozen=True)
class Target:
    """``check`` raises where a case of ``cases`` shows a fault. ``found`` are cases that once showed one."""

    cases: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    found: tuple[Any, ...] = ()

    def run(self, *, most: int, seed_number: int | None) -> int:
        """How many of at most ``most`` cases were run, always the same without a seed. Raises what a case raises."""
        count = 0

        @settings(
            max_examples=most, deadline=None, database=None, derandomize=seed_number is None, print_blob=False,
            suppress_health_check=_CHECKS_OFF, report_multiple_bugs=False,
        )  # fmt: skip
        @given(self.cases)
        def each(case: Any) -> None:
            nonlocal count
            count += 1
            self.check(case)

        for case in self.found:
            self.check(case)
        (each if seed_number is None else seed(seed_number)(each))()
        return count


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is the working directory while the context is open; nothing half-written is left in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_FOLDER) as name:
        os.chdir(name)
        try:
            yield Path(name)
            left = [path for path in Path(name).rglob("*") if path.name.endswith(".tmp") or ".unfinished-" in path.name]
            assert left == []
        finally:
            os.chdir(before)


def told(*words: str) -> Outcome:
    """What the program does with ``words``: a result, or a plain message and one of its exit codes."""
    outcome = command(*words)
    assert outcome.exit_code in set(ExitCode), outcome
    assert "Traceback" not in outcome.told, outcome
    assert raw_controls(outcome.told) == [], outcome
    if outcome.exit_code in (ExitCode.USAGE, ExitCode.ENVIRONMENT):
        assert outcome.stderr.strip(), outcome
    if "--json" in words and outcome.exit_code in (ExitCode.OK, ExitCode.NOTHING_MATCHED):
        for line in outcome.stdout.splitlines():
            json.loads(line, parse_constant=_no_json)
    return outcome


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
