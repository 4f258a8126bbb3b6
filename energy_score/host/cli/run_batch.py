"""One batch as the command line asks for it: on this machine or on a cluster, and its results shown."""

import logging
from collections.abc import Mapping
from typing import Any

from debug_logger import configure_console
from energy_score.contract.errors import ExitCode
from energy_score.host.batch.attempt import end_on_sigterm
from energy_score.host.batch.earlier_results import EarlierResults
from energy_score.host.batch.local_batch import run_here
from energy_score.host.batch.options import BatchOptions
from energy_score.host.cli.parameters import batch_options_from
from energy_score.host.cli.plan_table import show_plan
from energy_score.host.cli.printed_results import print_rows
from energy_score.host.cluster.run import run_on_cluster


def run_or_show_batch(parameters: Mapping[str, Any]) -> ExitCode:
    """Run the batch that the parsed ``parameters`` ask for; with --dry-run show what would run.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    options = batch_options_from(parameters, as_json=parameters["as_json"])
    if not parameters["dry_run"]:
        return run_batch(options)
    if options.only_new is not None:
        EarlierResults(options.only_new)  # a file that cannot be read is reported now, not at the start of the batch
    show_plan(options.selection, options.run, form="json" if options.as_json else "table")
    return ExitCode.OK


def run_batch(options: BatchOptions) -> ExitCode:
    """Run one batch and show its results; the exit code of the program.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    configure_console(logging.WARNING)
    end_on_sigterm()
    end = run_here(options) if options.cluster is None else run_on_cluster(options, options.cluster)
    if not options.as_json:
        print_rows(end.rows)
    return end.exit_code
