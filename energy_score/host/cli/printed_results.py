"""The results of a batch or a run, shortened for a terminal."""

import sys
from collections.abc import Sequence

from energy_score.host.batch.progress import energy_text
from energy_score.host.cli.standard_streams import reader_may_leave
from energy_score.reports.results_table.result_row import ResultRow
from energy_score.reports.terminal_table import print_table


def print_rows(results: Sequence[ResultRow]) -> None:
    """The results on standard output, shortened for reading; the files of the runs hold everything."""
    rows = []
    for row in results:
        failed = row.successful_prompts is None
        tokens = "" if row.total_completion_tokens is None else f"{row.total_completion_tokens}"
        outcome = row.error_message or "" if failed else energy_text(row)
        rows.append((row.model_name, row.reasoning_state, "failed" if failed else "done", tokens, outcome))
    with reader_may_leave():  # the results are in files, and the exit code is that of the runs
        print_table(("model", "state", "outcome", "new tokens", "energy or error"), rows, stream=sys.stdout)
