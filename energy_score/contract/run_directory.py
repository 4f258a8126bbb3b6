"""The layout of one run's directory, and what its files say about the run's state."""

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
    """What the files of a run directory say."""

    EMPTY = "empty"
    PLANNED = "planned"  # the order is there, and nobody has begun
    RUNNING = "running"  # it has an owner who is not known to be dead
    LOST = "lost"  # its owner is gone and left neither a result nor a failure
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. The truth of a run is what lies here, never what a process returned."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The spreadsheet row, as parsed."""
        return self.path / "model_config.json"

    @property
    def spec_file(self) -> Path:
        """The order: written before the run."""
        return self.path / "run_spec.json"

    @property
    def owner_file(self) -> Path:
        """Who carries the order out: written before the engine starts."""
        return self.path / "run_owner.json"

    @property
    def report_file(self) -> Path:
        """The result: written last, by the engine."""
        return self.path / "benchmark_report.json"

    @property
    def failure_file(self) -> Path:
        """Why there is no result."""
        return self.path / "run_failure.json"

    @property
    def witness_file(self) -> Path:
        """What the host saw of the GPUs; absent where it could see none."""
        return self.path / "host_witness.json"

    @property
    def queries_file(self) -> Path:
        """One row per query."""
        return self.path / "benchmark_results.csv"

    @property
    def texts_file(self) -> Path:
        """Prompts and completions, with ``--save-text`` only."""
        return self.path / "texts.jsonl"

    @property
    def energy_file(self) -> Path:
        """GPU energy in Wh, one number; absent where it was not measured."""
        return self.path / "GPU_ENERGY_WH.txt"

    @property
    def energy_summary_file(self) -> Path:
        """GPU energy by phase."""
        return self.path / "GPU_ENERGY_SUMMARY.json"

    @property
    def trace_file(self) -> Path:
        """What was sampled of the GPUs: power, clocks, temperature, memory, clock events."""
        return self.path / "power_trace.csv.gz"

    @property
    def emissions_file(self) -> Path:
        """The CO2 estimate with its factor."""
        return self.path / "emissions" / "emissions.csv"

    @property
    def optimum_folder(self) -> Path:
        """The reports, configurations and logs of optimum-benchmark as they came, with the backend optimum only."""
        return self.path / "optimum_benchmark"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that a run may leave here: all that a name ending in ``_file`` stands for."""
        names = (name for name in vars(type(self)) if name.endswith("_file"))
        return tuple(getattr(self, name) for name in names)

    def state(self) -> RunState:
        """How far the run is; an owner whose record cannot be read is one that nobody can know to be dead."""
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
        """The spreadsheet row of the run; raises RecordError."""
        return ModelConfig.read(self.config_file)

    def spec(self) -> RunSpec:
        """The order of the run; raises RecordError."""
        return RunSpec.read(self.spec_file)

    def owner(self) -> RunOwner | None:
        """Who carries the run out, or did; None where nobody has begun; raises RecordError."""
        return RunOwner.read(self.owner_file) if self.owner_file.exists() else None

    def report(self) -> RunReport:
        """Return the result of the run; raises RecordError.

        Reports are frozen and written whole, under a new inode each time: one that was read lately is not parsed again.
        """
        try:
            found = self.report_file.stat()
        except OSError:
            return RunReport.read(self.report_file)  # whose error says what is wrong
        return _read_report(self.report_file, (found.st_ino, found.st_mtime_ns, found.st_size))

    def witness(self) -> HostWitness | None:
        """What the host saw of the run's GPUs, None where it left no record; raises RecordError."""
        return HostWitness.read(self.witness_file) if self.witness_file.exists() else None

    def failure(self) -> RunFailure:
        """Why the run gave no result; raises RecordError."""
        return RunFailure.read(self.failure_file)


@lru_cache(maxsize=16)  # the runs that a batch looks at between one end and the next
def _read_report(file: Path, _version: tuple[int, int, int]) -> RunReport:
    return RunReport.read(file)


def run_name(model_id: str, reasoning_state: str) -> str:
    """The documented directory name: ``/`` and space become ``_``, parentheses go.

    Whatever else a file name must not hold becomes ``_`` as well; a leading ``./`` of a local folder is dropped.
    """
    model = model_id.strip().lstrip("./~")
    name = f"{model}_{reasoning_state.strip()}" if reasoning_state.strip() else model
    name = name.replace("(", "").replace(")", "")
    name = re.sub(r"[^\w.+=@,-]", "_", name, flags=re.ASCII)
    return name[:180].lstrip(".-") or "_"
