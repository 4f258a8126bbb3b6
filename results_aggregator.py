"""Build the results table: every run directory becomes one row of ``master_results.csv``. Nothing else is read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from energy_score.contract.errors import RecordError
from energy_score.contract.grid import grid_factor
from energy_score.contract.record import write_atomically
from energy_score.contract.run_directory import RunDirectory, RunState
from energy_score.contract.run_owner import RunOwner
from energy_score.reports.results_table.csv_table import csv_text
from energy_score.reports.results_table.report_row import make_report_row
from energy_score.reports.results_table.result_row import ResultRow

if TYPE_CHECKING:
    import pandas as pd

_INTERRUPTED = "interrupted: the run was started but has no result. Run the batch again."
_WITHOUT_RESULT = {
    RunState.EMPTY: _INTERRUPTED,
    RunState.PLANNED: "planned: the run has not started",
    RunState.RUNNING: "running: the run is in progress",
    RunState.LOST: _INTERRUPTED,
}


class ResultsAggregator:
    """Read the run directories in ``output_directory``; the table is made only from them."""

    def __init__(self, output_directory: Path) -> None:
        self.output_directory = Path(output_directory)
        self.runs_directory = self.output_directory / "individual_runs"
        self.master_csv = self.output_directory / "master_results.csv"

    def rows(self, region: str | None = None) -> Iterator[ResultRow]:
        """Yield one row per run directory, sorted by name; CO2 is for ``region``, or for each run's own region.

        Raises:
            UsageError: ``region`` is unknown.
        """
        if region is not None:
            grid_factor(region)
        for directory in self.directories():
            yield self.row_of(directory.path, region)

    def directories(self) -> list[RunDirectory]:
        """Return the run directories, sorted by name."""
        return [RunDirectory(self.runs_directory / name) for name in self._run_names()]

    def write_master_csv(self, region: str | None = None) -> Path:
        """Write the table again, atomically; equal run directories give equal bytes.

        Raises:
            UsageError: ``region`` is unknown.
            OSError: The table cannot be written; an existing one is unchanged.
        """
        write_atomically(self.master_csv, csv_text(self.rows(region)))
        return self.master_csv

    def row_of(self, run_directory: Path, region: str | None = None) -> ResultRow:
        """Return the row of one run: its result, why it failed, or which of its files cannot be read.

        Raises:
            UsageError: ``region`` is unknown.
        """
        directory = RunDirectory(Path(run_directory))
        try:
            match directory.state():
                case RunState.DONE:
                    return make_report_row(
                        directory.report(), region, witness=directory.witness(), owner=_owner(directory)
                    )
                case RunState.FAILED:
                    failure = directory.failure()
                    return _make_identifying_row(directory).model_copy(
                        update={
                            "timestamp": failure.failed_at,
                            "error_message": f"{failure.stage}: {failure.message}",
                            "run_id": failure.run_id,
                        }
                    )
                case state:
                    return _make_identifying_row(directory).model_copy(update={"error_message": _WITHOUT_RESULT[state]})
        except (RecordError, OSError) as error:
            fault = str(error).replace(f"{self.output_directory}{os.sep}", "")
            return _make_identifying_row(directory).model_copy(update={"error_message": fault})

    def to_dataframe(self, region: str | None = None) -> "pd.DataFrame":
        """Return the rows as a data frame with one column per field, for notebooks; needs the extra ``reports``."""
        import pandas as pd  # noqa: PLC0415 - only notebooks need it

        return pd.DataFrame([row.model_dump() for row in self.rows(region)], columns=list(ResultRow.model_fields))

    def _run_names(self) -> list[str]:
        try:
            with os.scandir(self.runs_directory) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        except FileNotFoundError:
            return []


def _owner(directory: RunDirectory) -> RunOwner | None:
    """Return the owner of the run, or None if it is unknown, which does not affect the result."""
    try:
        return directory.owner()
    except RecordError:
        return None


def _make_identifying_row(directory: RunDirectory) -> ResultRow:
    """Return a row that only identifies the run, by the directory's name if its row of the sheet cannot be read."""
    try:
        config = directory.config()
    except RecordError:
        name = os.fsencode(directory.path.name).decode(errors="replace")
        return ResultRow(model_name=name, model_class=None, task="", reasoning_state="")
    return ResultRow(
        model_name=config.model_id,
        model_class=config.model_class,
        task=config.task,
        reasoning_state=config.reasoning_state,
    )
