"""The results table of a running batch, rewritten as often as is cheap."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from energy_score.host.batch.ledger import Ledger

if TYPE_CHECKING:
    from results_aggregator import ResultsAggregator

# The table is not rewritten if that would take more than this share of the batch's time.
_SHARE = 0.05


@dataclass
class TablePublisher:
    """Write the table of ``ledger``'s run directories, at most once in ``least_pause_s``; errors go to ``note``."""

    ledger: Ledger
    aggregator: "ResultsAggregator"
    note: Callable[[str], None]
    least_pause_s: float = 0.0
    _published_s: float | None = None
    _cost_s: float = 0.0

    def publish_if_due(self) -> None:
        """Write the table, if enough time has passed since the last one."""
        pause_s = max(self.least_pause_s, self._cost_s / _SHARE)
        if self._published_s is None or time.monotonic() - self._published_s > pause_s:
            self.publish()

    def publish(self) -> None:
        """Write the table from the run directories."""
        start_s = time.monotonic()
        try:
            self.ledger.with_reserve(self.aggregator.write_master_csv)
        except OSError as error:
            self.note(f"master_results.csv could not be written ({error.strerror}). Run 'aggregate' later.")
        self._published_s = time.monotonic()
        self._cost_s = self._published_s - start_s
