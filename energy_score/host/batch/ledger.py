"""The run directories of one output directory: what is done, what is pending, and where old results are kept."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from energy_score.contract.errors import EnvironmentNotReadyError, ExitCode, RecordError
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_failure import Cause, RunFailure, Stage
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec
from energy_score.host.batch.plan import PlannedRun, RefusedRun, ResolvedRun

# The report, query table and log of 1,000 queries take about 0.3 MiB.
_RUN_NEEDS_BYTES = 2**20
# Released when the disk is full, so that failures can still be recorded.
_RESERVE_BYTES = 2**18


@dataclass(frozen=True)
class Ledger:
    """The run directories in ``output_directory``; their files define the state of every run."""

    output_directory: Path
    # The command line option for that directory.
    option: ClassVar[str] = "--output-dir"

    @property
    def runs_directory(self) -> Path:
        """Return the folder of the current runs."""
        return self.output_directory / "individual_runs"

    def open(self) -> None:
        """Create the directories and allocate the reserve.

        Raises:
            EnvironmentNotReadyError: The output directory cannot be written.
        """
        try:
            self.runs_directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentNotReadyError(
                f"{self.output_directory}: cannot be written: {error.strerror}. Choose another {self.option}."
            ) from error
        self._take_reserve()

    def close(self) -> None:
        """Release the reserve."""
        self._reserve.unlink(missing_ok=True)

    def directory(self, name: str) -> RunDirectory:
        """Return the run directory with that name."""
        return RunDirectory(self.runs_directory / name)

    def is_done(self, name: str, spec: RunSpec) -> bool:
        """Return whether the directory has a readable result for exactly this run spec."""
        directory = self.directory(name)
        if directory.state() is not RunState.DONE:
            return False
        with suppress(RecordError):
            report = directory.report()
            return spec.orders(report.spec_identity) and not _asks_otherwise(spec, report)
        return False

    def is_elsewhere(self, name: str) -> RunOwner | None:
        """Return who is running it if not known to have ended (a cluster job, another host), else None."""
        directory = self.directory(name)
        if directory.state() is not RunState.RUNNING:
            return None
        with suppress(RecordError):
            return directory.owner()
        return None

    def start(self, planned: ResolvedRun) -> RunDirectory:
        """Create a run directory with the run spec; existing files are moved to ``aside/``.

        Raises:
            EnvironmentNotReadyError: The disk has no room for a run.
            OSError: The disk cannot be written.
        """
        self.set_aside(planned.name)
        self._require_room()
        directory = self.directory(planned.name)
        directory.path.mkdir(exist_ok=True)
        planned.config.write(directory.config_file)
        planned.spec.write(directory.spec_file)
        return directory

    def set_aside(self, name: str) -> None:
        """Move the content of the directory to ``aside/``."""
        path = self.runs_directory / name
        if not path.exists():
            return
        if not any(path.iterdir()):
            return  # empty, as after a crash right at the start
        aside = self.output_directory / "aside"
        aside.mkdir(exist_ok=True)
        target = aside / f"{name}.{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        path.rename(target)

    def record_refusal(self, planned: RefusedRun) -> None:
        """Save the refusal of a row as its result, unless it is already there."""
        directory = self.directory(planned.name)
        if directory.state() is RunState.FAILED:
            with suppress(RecordError):
                known = directory.failure()
                is_equal = (known.stage, known.message) == ("resolve", planned.refusal)
                if is_equal and directory.config() == planned.config:
                    return
        self.set_aside(planned.name)
        self.record_failure(planned, stage="resolve", message=planned.refusal)

    def record_unstarted(self, planned: PlannedRun, *, message: str) -> None:
        """Record why a run could not start; existing files are moved to ``aside/``."""
        self.set_aside(planned.name)
        self.record_failure(planned, stage="start", message=message, exit_code=ExitCode.ENVIRONMENT)

    def record_failure(
        self,
        planned: PlannedRun,
        *,
        stage: Stage,
        message: str,
        exit_code: int | None = None,
        log_tail: str = "",
        cause: Cause | None = None,
    ) -> None:
        """Write the failure of a run, next to its other files.

        Raises:
            OSError: The disk cannot be written.
        """
        directory = self.directory(planned.name)
        now = datetime.now(UTC)
        spec = planned.spec if isinstance(planned, ResolvedRun) else None
        failure = RunFailure(
            run_id=spec.run_id if spec else f"{planned.name}_{now:%Y%m%d_%H%M%S}",
            spec_identity=spec.identity() if spec else None,
            stage=stage,
            exit_code=exit_code,
            message=message,
            failed_at=now,
            log_tail=log_tail,
            cause=cause,
        )

        directory.path.mkdir(parents=True, exist_ok=True)
        planned.config.write(directory.config_file)
        failure.write(directory.failure_file)

    def with_reserve(self, write: Callable[[], object]) -> None:
        """Call ``write``; if the disk is full, release the reserve and try once more.

        Raises:
            OSError: Another error occurred, or the reserve was not enough.
        """
        try:
            write()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._reserve.unlink(missing_ok=True)
            write()

    @property
    def _reserve(self) -> Path:
        return self.output_directory / ".reserve"

    def _take_reserve(self) -> None:
        with suppress(OSError), self._reserve.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, _RESERVE_BYTES)

    def _require_room(self) -> None:
        if not self._reserve.exists():
            self._take_reserve()
        free_bytes = shutil.disk_usage(self.output_directory).free
        if free_bytes < _RUN_NEEDS_BYTES:
            raise EnvironmentNotReadyError(
                f"disk full: {free_bytes / 2**20:.2f} MiB free at {self.output_directory}, "
                f"a run needs {_RUN_NEEDS_BYTES / 2**20:.0f} MiB. Make room and run it again."
            )


def _asks_otherwise(spec: RunSpec, report: RunReport) -> bool:
    """Whether the row would now be asked in another way than it was, as far as this machine can know.

    What the engine decided with the model's own template is compared only with what the same template says today.
    """
    used = report.prompt
    if used is None or spec.template_sha256 is None or used.template_sha256 != spec.template_sha256:
        return False
    return used.sent != spec.prompt_plan
