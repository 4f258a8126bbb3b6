"""The command line and the batch loop: select, resolve, execute, publish."""

import importlib
import logging
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from energy_score import __version__
from energy_score.commands.options import (
    batch_executor_options,
    executor_from,
    is_cluster,
    run_options,
    run_options_from,
    selection_from,
    selection_options,
)
from energy_score.contract.errors import EnergyScoreError, ExitCode

if TYPE_CHECKING:
    from energy_score.batch.attempt import Attempt
    from energy_score.batch.ledger import Ledger
    from energy_score.batch.plan import PlannedRun
    from energy_score.batch.progress import Progress
    from energy_score.contract.result_row import ResultRow
    from results_aggregator import ResultsAggregator

# The results table is rewritten after a run unless that would take more than this share of the batch's time.
_PUBLISH_SHARE = 0.05


@dataclass
class Batch:
    """One batch over an output directory; ``counts`` says how its runs ended."""

    plan: "Sequence[PlannedRun]"
    attempt: "Attempt"
    aggregator: "ResultsAggregator"
    counts: dict[str, int] = field(default_factory=lambda: {"done": 0, "skipped": 0, "failed": 0, "refused": 0})
    _publish_cost_s: float = 0.0
    _published_s: float = 0.0

    @property
    def ledger(self) -> "Ledger":
        """The run directories of the batch."""
        return self.attempt.ledger

    @property
    def progress(self) -> "Progress":
        """What a user sees of the batch."""
        return self.attempt.progress

    def run(self) -> ExitCode:
        """Every planned run once, in order; each ends as a result, a recorded failure, or a skip of what is done."""
        for planned in self.plan:
            self._run_one(planned)
            if time.monotonic() - self._published_s > self._publish_cost_s / _PUBLISH_SHARE:
                self.publish()
        self.publish()
        return ExitCode.SOME_RUNS_FAILED if self.counts["failed"] or self.counts["refused"] else ExitCode.OK

    def publish(self) -> None:
        """Rewrite the results table from the run directories."""
        start_s = time.monotonic()
        try:
            self.ledger.with_reserve(self.aggregator.write_master_csv)
        except OSError as error:
            self.progress.note(f"master_results.csv could not be written ({error.strerror}); run 'aggregate' later")
        self._published_s = time.monotonic()
        self._publish_cost_s = self._published_s - start_s

    def _run_one(self, planned: "PlannedRun") -> None:
        spec = planned.spec
        if spec is None:
            self.attempt.keep(planned, partial(self.ledger.record_refusal, planned))
            self._finish(planned, "refused", planned.refusal or "")
        elif self.ledger.is_done(planned.name, spec):
            self._finish(planned, "skipped", "done already")
        else:
            self.progress.run_started(planned.label)
            self.attempt.run(planned, spec)
            done = self.ledger.is_done(planned.name, spec)
            row = self.aggregator.row_of(self.ledger.directory(planned.name).path)
            self._finish(planned, "done" if done else "failed", row.error_message or "", row)

    def _finish(self, planned: "PlannedRun", outcome: str, detail: str, row: "ResultRow | None" = None) -> None:
        self.counts[outcome] += 1
        self.progress.run_finished(planned.label, outcome=outcome, row=row, detail=detail)


class _CommandGroup(click.Group):
    """Runs a batch without a subcommand; further commands are imported when called. Faults end in exit codes."""

    further = {  # noqa: RUF012 - never changed
        "cancel": "energy_score.commands.cluster_batches:cancel",
        "collect": "energy_score.commands.cluster_batches:collect",
        "aggregate": "energy_score.commands.aggregate:command",
        "doctor": "energy_score.commands.doctor:doctor",
        "list": "energy_score.commands.list_runs:command",
        "run": "energy_score.commands.run_one:command",
        "validate": "energy_score.commands.validate:command",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(self.further)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in self.further:
            return None
        module, _, attribute = self.further[cmd_name].partition(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a Hydra-style argument is answered with what selects a row of the sheet."""
        key, equals, value = args[0].partition("=")
        if equals and "." in key:
            model = value if key.endswith("backend.model") else "S"
            raise click.UsageError(
                f"{args[0]}: key=value arguments describe one model, and a batch selects rows of a spreadsheet; valid "
                f"is --model-name {shlex.quote(model)}, or for one model: batch_runner.py run {shlex.join(args)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by name and one line each, without importing them."""
        del ctx
        with formatter.section("Further commands (--help on each)"):
            formatter.write_dl(
                [
                    ("run", "One model by key=value arguments, its files directly in ./results."),
                    ("list", "What would run, resolved; nothing is run."),
                    ("validate", "Check a spreadsheet; every fault at once."),
                    ("aggregate", "Rebuild master_results.csv from the run directories."),
                    ("collect", "Take in what a batch on a cluster has done, after its program ended."),
                    ("cancel", "End a batch on a cluster."),
                    ("doctor", "What this machine can do, and what to do about the rest."),
                ]
            )


@click.group(cls=_CommandGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@selection_options
@run_options
@batch_executor_options
@click.option("--dry-run", is_flag=True, help="Resolve every selected row, show what would run, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Events and results as JSON lines on standard output.")
@click.version_option(__version__, prog_name="energy-score")
@click.pass_context
def cli(context: click.Context, /, **parameters: Any) -> None:  # noqa: ANN401 - click passes every option by name
    """Rate AI models by the GPU energy of inference: run the rows of a spreadsheet, one isolated run per row.

    Without a command, runs a batch. Filters combine with AND. Runs that are done are not repeated.

    Exit codes: 0 all ok, 1 some runs failed, 2 usage or configuration, 3 environment, 4 nothing matched,
    130 interrupted.
    """
    if context.invoked_subcommand is not None:
        given = {
            name: value
            for name, value in parameters.items()
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        }
        command = cast("click.Group", context.command).get_command(context, context.invoked_subcommand)
        known = {parameter.name for parameter in command.params} if command else set()
        foreign = [name for name in given if name not in known]
        if foreign:
            raise click.UsageError(f"'{context.invoked_subcommand}' does not take {', '.join(sorted(foreign))}")
        context.default_map = {context.invoked_subcommand: given}
        return
    if parameters["dry_run"]:
        from energy_score.commands.list_runs import show_plan  # noqa: PLC0415 - not on the way to --help

        show_plan(selection_from(parameters), run_options_from(parameters), as_json=parameters["as_json"])
        return
    context.exit(run_batch(parameters))


def run_batch(parameters: Mapping[str, Any]) -> ExitCode:
    """Run one batch as the command line asks; the exit code of the program.

    Raises:
        EnergyScoreError: nothing could be started; the error's exit code says which kind of fault it is.
    """
    if is_cluster(parameters):
        from energy_score.cluster.run import run_on_cluster  # noqa: PLC0415 - not on the way to --help

        return run_on_cluster(parameters)
    from debug_logger import configure_console  # noqa: PLC0415 - not on the way to --help
    from energy_score.batch.attempt import Attempt, end_on_sigterm  # noqa: PLC0415
    from energy_score.batch.ledger import Ledger  # noqa: PLC0415
    from energy_score.batch.plan import in_image, make_plan, same_work  # noqa: PLC0415
    from energy_score.batch.progress import open_progress  # noqa: PLC0415
    from energy_score.batch.summary import headline, print_results, summary  # noqa: PLC0415
    from results_aggregator import ResultsAggregator  # noqa: PLC0415

    configure_console(logging.WARNING)
    end_on_sigterm()
    options = run_options_from(dict(parameters))
    plan = make_plan(selection_from(dict(parameters)), options)
    executor = executor_from(dict(parameters))
    plan = in_image(plan, executor.image)
    output_directory: Path = parameters["output_dir"]
    attempt = Attempt(
        ledger=Ledger(output_directory),
        executor=executor,
        progress=open_progress(as_json=parameters["as_json"]),
        timeout_s=parameters["timeout_s"],
    )
    batch = Batch(plan=plan, attempt=attempt, aggregator=ResultsAggregator(output_directory))
    batch.ledger.open()
    batch.progress.batch_started(run_count=len(plan), headline=headline(plan))
    for earlier, later in same_work(plan):
        batch.progress.note(f"{later.label} (line {later.config.line_number}) does the same work as {earlier.label} "
                            f"(line {earlier.config.line_number})")  # fmt: skip
    try:
        exit_code = batch.run()
    except KeyboardInterrupt:
        batch.publish()
        exit_code = ExitCode.INTERRUPTED
    finally:
        batch.ledger.close()
    batch.progress.batch_finished(
        summary(batch.counts, output_directory, interrupted=exit_code is ExitCode.INTERRUPTED)
    )
    if not parameters["as_json"]:
        print_results(batch.aggregator, batch.ledger, plan)
    return exit_code


def main(arguments: Sequence[str] | None = None, *, defaults: object = None) -> None:
    """Run the command line; every foreseen fault ends as one message and its documented exit code.

    ``arguments`` are the process's own by default; ``defaults`` is for the command that knows its type.
    """
    try:
        code = cli.main(arguments, standalone_mode=False, obj=defaults)
    except EnergyScoreError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except click.Abort:
        code = ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except BrokenPipeError:
        sys.stderr.close()
        code = ExitCode.OK
    sys.exit(int(code or 0))


if __name__ == "__main__":
    main()
