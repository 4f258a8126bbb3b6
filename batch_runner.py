"""The command line: a batch without a subcommand, every further command by name, and one exit code for each end."""

import energy_score.host.cli.this_python  # noqa: F401 - first: it ends the program where nothing else can be imported

# isort: split
import importlib
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, cast

import click

from energy_score import __version__
from energy_score.contract.errors import EnergyScoreError, ExitCode
from energy_score.host.cli.options import (
    batch_executor_options,
    batch_options,
    dry_run_option,
    run_options,
    selection_options,
)
from energy_score.host.cli.readable_group import ReadableGroup
from energy_score.host.cli.standard_streams import (
    fault_of_the_system,
    have_streams,
    reader_may_leave,
    say,
    settle_streams,
)

# The packages that an extra brings, and which: they are imported where they are needed.
_EXTRA_OF = {
    "cryptography": "signing",
    "fontTools": "reports",
    "httpx2": "reports",
    "huggingface_hub": "reports",
    "itables": "reports",
    "jinja2": "reports",
    "matplotlib": "reports",
    "numpy": "reports",
    "pandas": "reports",
    "PIL": "reports",
    "pyarrow": "reports",
    "resvg_py": "reports",
    "scipy": "reports",
}


# What a call without a command does, imported when it is called.
_BATCH = "energy_score.host.cli.run_batch:run_or_show_batch"
_COMMANDS = "energy_score.host.cli.commands"
# The commands in the order of the help: the module and its command, imported when called, and what it does in one line.
COMMANDS = {
    "run": ("run_one:command", "One model by key=value arguments, its files directly in ./results."),
    "list": ("list_runs:command", "What would run, resolved; nothing is run."),
    "validate": ("validate:command", "Check a spreadsheet; every fault at once."),
    "preflight": (
        "preflight:command",
        "What can be known of models before any GPU time is spent, without their weights.",
    ),
    "modes": ("modes:command", "How a model's reasoning is switched, and the sheet rows that ask for it."),
    "status": ("status:status", "What a batch is doing, or did last."),
    "watch": ("status:watch", "The same, live, until the batch ends."),
    "aggregate": ("aggregate:command", "Rebuild master_results.csv from the run directories."),
    "sweep": ("sweep:command", "One model in every reasoning mode, with natural and with fixed length."),
    "compare": ("compare:command", "Modes of a model, two models, or two results, side by side."),
    "rate": ("rate:rate", "Stars, relative to a published snapshot or to these runs alone."),
    "snapshot": ("rate:snapshot", "Keep the rateable runs as a dated cohort that never changes."),
    "drift": ("rate:drift", "Whose stars changed between two snapshots, and why."),
    "refresh": ("refresh:command", "Nightly: run what is new, rate, and bring the site up to date."),
    "leaderboard": (
        "leaderboard:command",
        "The results as a static site with stars, search and a page for each model.",
    ),
    "label": ("label:command", "Labels and badges of rated models, SVG and PNG."),
    "impact": ("impact:command", "Estimates for a year of queries: energy, CO2e, water, resources."),
    "bundle": ("bundle:command", "Completed runs as one file to hand in, with what is attested of them."),
    "verify": ("verify:command", "Check such a file: every figure derived again, every change named."),
    "collect": ("cluster_batches:collect", "Take in what a batch on a cluster has done, after its program ended."),
    "cancel": ("cluster_batches:cancel", "End a batch on a cluster."),
    "doctor": ("doctor:doctor", "What this machine can do, and what to do about the rest."),
}


def _load(path: str) -> Any:  # noqa: ANN401 - whatever the module has under that name
    """Import the module of ``module:attribute`` and return the attribute."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _unknown_command(name: str) -> str:
    """Return the message for a command that does not exist, with the one that was probably meant."""
    close = get_close_matches(name.lower(), COMMANDS, n=1, cutoff=0.5)
    if close:
        return f"No such command {name!r}. Did you mean {close[0]!r}?"
    return f"No such command {name!r}. The commands are {', '.join(sorted(COMMANDS))}."


class _CommandGroup(ReadableGroup):
    """Runs a batch without a subcommand; further commands are imported when called. Faults end in exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", _load(f"{_COMMANDS}.{COMMANDS[cmd_name][0]}"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a Hydra-style argument is answered with what selects a row, a wrong command with the right."""
        key, equals, value = args[0].partition("=")
        if equals and "." in key:
            model = value if key.endswith("backend.model") else "S"
            raise click.UsageError(
                f"{args[0]}: key=value arguments describe one model, and a batch selects rows of a spreadsheet; valid "
                f"is --model-name {shlex.quote(model)}, or for one model: batch_runner.py run {shlex.join(args)}"
            )
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(_unknown_command(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by name and one line each, without importing them."""
        del ctx
        with formatter.section("Further commands (--help on each)"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_CommandGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@selection_options
@run_options
@batch_executor_options
@batch_options
@dry_run_option
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
        # As they are typed: the longest name of each, which is what the help shows.
        foreign = [
            max(option.opts, key=len) for option in context.command.params if option.name in given.keys() - known
        ]
        if foreign:
            raise click.UsageError(f"'{context.invoked_subcommand}' does not take {', '.join(sorted(foreign))}.")
        context.default_map = {context.invoked_subcommand: given}
        return
    context.exit(_load(_BATCH)(parameters))


def main(arguments: Sequence[str] | None = None, *, defaults: object = None) -> None:
    """Run the command line; every foreseen fault ends as one message and its documented exit code.

    ``arguments`` are the process's own by default; ``defaults`` is for the command that knows its type.
    """
    have_streams()
    code = ExitCode.OK
    try:
        code = cli.main(arguments, standalone_mode=False, obj=defaults) or ExitCode.OK
        with reader_may_leave():
            sys.stdout.flush()
    except EnergyScoreError as error:
        say(f"error: {error}")
        code = error.exit_code
    except ModuleNotFoundError as error:
        extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:  # a fault of ours
            raise
        say(f"error: this needs the package {error.name}: pip install -c constraints.txt -e '.[{extra}]'")
        code = ExitCode.ENVIRONMENT
    except (click.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        code = ExitCode.USAGE
    except OSError as error:  # a file that nobody foresaw: it says which
        code = fault_of_the_system(error)
    settle_streams()
    sys.exit(int(code))


if __name__ == "__main__":
    main()
