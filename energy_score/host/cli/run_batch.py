"""One batch as the command line asks for it, here or on a cluster: plan, preflight, run, show the results."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any

from debug_logger import configure_console
from energy_score.contract.errors import ExitCode, UsageError
from energy_score.host.batch.attempt import Attempt, end_on_sigterm
from energy_score.host.batch.choice import open_chooser
from energy_score.host.batch.ledger import Ledger
from energy_score.host.batch.live_status import LiveStatus
from energy_score.host.batch.loop import Batch
from energy_score.host.batch.plan import PlannedRun, in_image, make_plan
from energy_score.host.batch.preflight import Preflight, preflighted
from energy_score.host.batch.progress import open_progress
from energy_score.host.batch.summary import summary, tell_start
from energy_score.host.cli.options import executor_from, is_cluster, run_options_from, selection_from
from energy_score.host.cli.printed_results import print_results
from energy_score.host.executors.executor import Executor
from energy_score.host.locks.gpu_leases import open_gpu_leases
from energy_score.host.locks.output_lock import locked_output
from energy_score.host.preflight.models.surroundings import surroundings_here
from parameter_handler import RunOptions
from results_aggregator import ResultsAggregator


def run_batch(parameters: Mapping[str, Any]) -> ExitCode:
    """Run one batch as the command line asks; the exit code of the program.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    if is_cluster(parameters):
        from energy_score.host.cli.cluster_batch import run_on_cluster  # noqa: PLC0415 - not on the way to --help

        return run_on_cluster(parameters)

    configure_console(logging.WARNING)
    end_on_sigterm()
    options = run_options_from(dict(parameters))
    plan = make_plan(selection_from(dict(parameters)), options)
    _check_jobs(parameters, options)
    executor = executor_from(dict(parameters))
    plan = in_image(plan, executor.image)
    ledger = Ledger(parameters["output_dir"])
    ledger.open()
    with locked_output(ledger.output_directory, option=ledger.option), closing(ledger):
        return _run_planned(plan, ledger, executor, parameters)


def _run_planned(
    plan: Sequence[PlannedRun], ledger: Ledger, executor: Executor, parameters: Mapping[str, Any]
) -> ExitCode:
    """The batch over a plan that stands, in an output directory that is ours."""
    directory = ledger.output_directory
    chooser = open_chooser(plan, ledger, rerun=parameters["rerun"], only_new=parameters["only_new"])
    live = LiveStatus(open_progress(as_json=parameters["as_json"]), directory, jobs=parameters["jobs"])
    attempt = Attempt(ledger=ledger, executor=executor, progress=live, timeout_s=parameters["timeout_s"])
    with open_gpu_leases(parameters["gpus"]) or nullcontext() as leases:
        choices = {planned.name: chooser.of(planned) for planned in plan}  # once: each reads a run's records
        preflight = Preflight(plan)
        if not parameters["no_preflight"]:
            preflight = preflighted(
                plan, is_to_do=lambda planned: choices[planned.name].outcome is None, sheet_name=parameters["csv"].name,
                here=surroundings_here(executor=executor.name, gpus=leases.gpus if leases else ()),
            )  # fmt: skip
        plan = preflight.plan
        batch = Batch(
            plan=plan, attempt=attempt, aggregator=ResultsAggregator(directory), live=live, choices=choices,
            leases=leases, jobs=parameters["jobs"], retries=parameters["retries"], fail_fast=parameters["fail_fast"],
            gpu_wait_s=parameters["gpu_wait_s"],
        )  # fmt: skip
        tell_start(live, plan, notes=(*filter(None, [chooser.note]), *preflight.notes))
        try:
            exit_code = batch.run()
        except KeyboardInterrupt:
            exit_code = ExitCode.INTERRUPTED
    live.batch_finished(summary(batch.counts, directory, interrupted=exit_code is ExitCode.INTERRUPTED))
    if not parameters["as_json"]:
        print_results(batch.aggregator, ledger, plan)
    return exit_code


def _check_jobs(parameters: Mapping[str, Any], options: RunOptions) -> None:
    """Return if several runs may be under way at a time.

    Raises:
        UsageError: they would share one server, whose GPUs would count for each of them.
    """
    if parameters["jobs"] > 1 and options.backend == "vllm" and not options.managed:
        raise UsageError(
            f"--jobs {parameters['jobs']}: all runs would be answered by the one server at --endpoint, and each would "
            "be charged for the others; valid is --jobs 1, or --managed with a server for each"
        )
