"""The layout of a run directory, and the state of the run according to its files."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from energy_score.contract.errors import RecordError
from energy_score.contract.host_witness import HostWitness
from energy_score.contract.model_config import ModelConfig
from energy_score.contract.run_failure import RunFailure
from energy_score.contract.run_owner import RunOwner
from energy_score.contract.run_report import RunReport
from energy_score.contract.run_spec import RunSpec


class RunState(StrEnum):
    """The state of a run according to its files."""

    EMPTY = "empty"
    PLANNED = "planned"  # there is a run spec, but no owner yet
    RUNNING = "running"  # its owner may still be alive
    LOST = "lost"  # its owner is dead and left neither a result nor a failure
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. Only these files define its state, never what a process returned."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The parsed row of the sheet."""
        return self.path / "model_config.json"

    @property
    def spec_file(self) -> Path:
        """The run spec; written before the run."""
        return self.path / "run_spec.json"

    @property
    def owner_file(self) -> Path:
        """Who runs it; written before the engine starts."""
        return self.path / "run_owner.json"

    @property
    def report_file(self) -> Path:
        """The result; written last, by the engine."""
        return self.path / "benchmark_report.json"

    @property
    def failure_file(self) -> Path:
        """Why the run has no result."""
        return self.path / "run_failure.json"

    @property
    def witness_file(self) -> Path:
        """The host check; absent if the host could not see the GPUs."""
        return self.path / "host_witness.json"

    @property
    def queries_file(self) -> Path:
        """One row per query."""
        return self.path / "benchmark_results.csv"

    @property
    def texts_file(self) -> Path:
        """Prompts and completions; only with ``--save-text``."""
        return self.path / "texts.jsonl"

    @property
    def energy_file(self) -> Path:
        """GPU energy in Wh as one number; absent if it was not measured."""
        return self.path / "GPU_ENERGY_WH.txt"

    @property
    def energy_summary_file(self) -> Path:
        """GPU energy by phase."""
        return self.path / "GPU_ENERGY_SUMMARY.json"

    @property
    def trace_file(self) -> Path:
        """Samples of the GPUs: power, clocks, temperature, memory, clock events."""
        return self.path / "power_trace.csv.gz"

    @property
    def emissions_file(self) -> Path:
        """The CO2 estimate and its factor."""
        return self.path / "emissions" / "emissions.csv"

    @property
    def optimum_folder(self) -> Path:
        """The reports, configurations and logs of optimum-benchmark, unchanged; only with the backend optimum."""
        return self.path / "optimum_benchmark"

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that a run can write here: all properties whose name ends in ``_file``."""
        names = (name for name in vars(type(self)) if name.endswith("_file"))
        return tuple(getattr(self, name) for name in names)

    def state(self) -> RunState:
        """Return the state of the run. An unreadable owner record counts as running: never start a second copy."""
        if self.report_file.exists():
            return RunState.DONE
        if self.failure_file.exists():
            return RunState.FAILED
        if not self.spec_file.exists():
            return RunState.EMPTY
        try:
            owner = self.owner()
        except RecordError:
            return RunState.RUNNING
        if owner is None:
            return RunState.PLANNED
        return RunState.LOST if owner.has_left() else RunState.RUNNING

    def config(self) -> ModelConfig:
        """Read the run's row of the sheet; raise RecordError if it cannot be read."""
        return ModelConfig.read(self.config_file)

    def spec(self) -> RunSpec:
        """Read the run spec; raise RecordError if it cannot be read."""
        return RunSpec.read(self.spec_file)

    def owner(self) -> RunOwner | None:
        """Read who runs or ran it, or return None if it was not started; raise RecordError if it cannot be read."""
        return RunOwner.read(self.owner_file) if self.owner_file.exists() else None

    def report(self) -> RunReport:
        """Read the result of the run; raise RecordError if it cannot be read.

        Reports are written as a whole, each time under a new inode, so one that was read recently is not parsed again.
        """
        try:
            found = self.report_file.stat()
        except OSError:
            return RunReport.read(self.report_file)  # its error says what is wrong
        return _read_report(self.report_file, (found.st_ino, found.st_mtime_ns, found.st_size))

    def witness(self) -> HostWitness | None:
        """Read the host check, or return None if there is none; raise RecordError if it cannot be read."""
        return HostWitness.read(self.witness_file) if self.witness_file.exists() else None

    def failure(self) -> RunFailure:
        """Read why the run has no result; raise RecordError if it cannot be read."""
        return RunFailure.read(self.failure_file)


@lru_cache(maxsize=16)  # the runs that a batch reads between the ends of two runs
def _read_report(file: Path, _version: tuple[int, int, int]) -> RunReport:
    return RunReport.read(file)


def run_name(model_id: str, reasoning_state: str) -> str:
    """Return the documented directory name: ``/`` and space become ``_``, parentheses are removed.

    Other characters that a file name must not contain become ``_`` too; a leading ``./`` of a local folder is dropped.
    """
    model = model_id.strip().lstrip("./~")
    name = f"{model}_{reasoning_state.strip()}" if reasoning_state.strip() else model
    name = name.replace("(", "").replace(")", "")
    name = re.sub(r"[^\w.+=@,-]", "_", name, flags=re.ASCII)
    return name[:180].lstrip(".-") or "_"
