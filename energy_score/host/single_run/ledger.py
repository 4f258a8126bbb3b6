"""The ledger of a single run: its files are stored directly in the results directory, where scripts expect them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from energy_score.contract.run_directory import RunDirectory
from energy_score.host.batch.ledger import Ledger


class SingleRunLedger(Ledger):
    """Like the batch's ledger, but with the output directory as the only run directory."""

    option: ClassVar[str] = "--results (or RESULTS_DIR)"

    @property
    def runs_directory(self) -> Path:
        """Return the output directory, which has no subfolders for runs."""
        return self.output_directory

    def directory(self, name: str) -> RunDirectory:
        """Return the run directory, for any ``name``."""
        del name
        return RunDirectory(self.output_directory)

    def set_aside(self, name: str) -> None:
        """Move the files of an earlier run to ``aside/TIME/``; other files stay where they are."""
        left = [path for path in self.directory(name).files if path.exists()]
        target = self.output_directory / "aside" / f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
        for path in left:
            place = target / path.relative_to(self.output_directory)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
