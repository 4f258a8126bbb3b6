"""The ledger of one run: its files lie in the results directory itself, as scripts read them there."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from energy_score.contract.run_directory import RunDirectory
from energy_score.host.batch.ledger import Ledger


class SingleRunLedger(Ledger):
    """As the batch's, with one run directory for every name: the output directory."""

    option: ClassVar[str] = "--results (or RESULTS_DIR)"

    @property
    def runs_directory(self) -> Path:
        """The output directory, in which nothing lies deeper."""
        return self.output_directory

    def directory(self, name: str) -> RunDirectory:
        """The one run directory, whatever ``name`` says."""
        del name
        return RunDirectory(self.output_directory)

    def set_aside(self, name: str) -> None:
        """Move what an earlier run left to ``aside/TIME/``; files that are no run's stay where they are."""
        left = [path for path in self.directory(name).files if path.exists()]
        target = self.output_directory / "aside" / f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        for path in left:
            place = target / path.relative_to(self.output_directory)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
