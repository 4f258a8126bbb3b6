"""The command line: a batch without a subcommand, every further command by name, and one exit code for each end."""

import energy_score.host.cli.this_python  # noqa: F401 - first: it ends the program where nothing else can be imported

# isort: split
import importlib
import io
import shlex
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import click

from energy_score import __version__
from energy_score.contract.errors import EnergyScoreError, ExitCode
from energy_score.contract.installation import install_command
from energy_score.host.cli.help_page import LAST_SECTION, PROGRAM, HelpPage, SectionOption
from energy_score.host.cli.option_types import SHEET_ENDINGS
from energy_score.host.cli.options import (
    batch_executor_options,
    batch_options,
    dry_run_option,
    events_option,
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
# Each group of the help, and its commands: the module and its attribute, imported when called, and one line of help.
_GROUPS = {
    "Run": {
        "run": ("run_one:command", "Run one model."),
        "sweep": ("sweep:command", "Run one model in every reasoning mode."),
        "refresh": ("refresh:command", "Nightly: run what is new, rate, and publish the site."),
        "collect": ("cluster_batches:collect", "Collect the results of a batch on a cluster."),
        "cancel": ("cluster_batches:cancel", "Cancel a batch on a cluster."),
    },
    "Inspect": {
        "list": ("list_runs:command", "Show what would run; nothing is run."),
        "validate": ("validate:command", "Check a spreadsheet and report all faults at once."),
        "preflight": ("preflight:command", "Check whether models can run, before using a GPU."),
        "modes": ("modes:command", "Show a model's reasoning switches, and sheet rows to paste."),
        "doctor": ("doctor:doctor", "Check what this machine can do."),
        "status": ("status:status", "Show what a batch is doing, or did last."),
        "watch": ("status:watch", "Show the same, live, until the batch ends."),
    },
    "Report": {
        "rate": ("rate:rate", "Give stars to measured runs."),
        "compare": ("compare:command", "Compare modes, models or results side by side."),
        "leaderboard": ("leaderboard:command", "Build a static website of the results."),
        "label": ("label:command", "Write labels and badges of rated models."),
        "impact": ("impact:command", "Estimate a year: energy, CO2e, water, resources."),
        "snapshot": ("rate:snapshot", "Keep today's results to rate others against."),
        "drift": ("rate:drift", "Show whose stars changed between two snapshots."),
        "aggregate": ("aggregate:command", "Rebuild master_results.csv from the run directories."),
    },
    "Submit": {
        "bundle": ("bundle:command", "Pack completed runs into one file to submit."),
        "verify": ("verify:command", "Check such a file, every figure of it."),
    },
}
COMMANDS = {name: command for group in _GROUPS.values() for name, command in group.items()}


def _load(path: str) -> Any:
    """Import the module of ``module:attribute`` and return the attribute."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


class _CommandGroup(HelpPage, ReadableGroup):
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
        """Resolve as click does; answer what cannot be a command with what was probably meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(_no_such_command(args), ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, the commands by group without importing them, and the options last."""
        self.format_examples(ctx, formatter)
        with formatter.section(f"Commands ({PROGRAM} COMMAND --help for each)"):
            for group, commands in _GROUPS.items():
                with formatter.section(group):
                    formatter.write_dl([(name, line) for name, (_, line) in commands.items()])
        self.format_sections(ctx, formatter)


def _no_such_command(words: Sequence[str]) -> str:
    """Return the message for an unknown command, with what to type instead."""
    word = words[0]
    key, equals, value = word.partition("=")
    if equals and "." in key:
        model = shlex.quote(value) if key.endswith("backend.model") else "TEXT"
        return (
            f"{word}: key=value arguments describe one model, and a batch selects rows of a spreadsheet. "
            f"Use --model-name {model}, or for one model: {PROGRAM} run {shlex.join(words)}"
        )
    if Path(word).suffix.lower() in SHEET_ENDINGS:
        return f"No such command {word!r}. To run a spreadsheet: {PROGRAM} --csv {shlex.quote(word)}"
    if word == "help":
        return f"No such command 'help'. Use {PROGRAM} --help, or {PROGRAM} COMMAND --help."
    close = get_close_matches(word.lower(), COMMANDS, n=1, cutoff=0.5)
    if close:
        return f"No such command {word!r}. Did you mean {close[0]!r}?"
    if "/" in word:
        return f"No such command {word!r}. To run one model: {PROGRAM} run {shlex.quote(word)}"
    return f"No such command {word!r}. The commands are {', '.join(sorted(COMMANDS))}."


@click.group(
    cls=_CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=[
        ("--class A", "run all class A models"),
        ("--model-name gpt-oss --dry-run", "show what would run"),
        ("refresh --site ./board", "nightly: run, rate, publish"),
    ],
)
@selection_options
@run_options
@batch_executor_options
@batch_options
@dry_run_option
@events_option
@click.version_option(__version__, prog_name="energy-score", cls=SectionOption, section=LAST_SECTION)
@click.pass_context
def cli(context: click.Context, /, **parameters: Any) -> None:
    """Run the models in a spreadsheet and measure the GPU energy of each.

    Without a command, runs a batch: one isolated run per row. Filters combine with AND. Runs that are done are not
    repeated; an interrupted batch continues with the same command.

    Exit codes: 0 ok, 1 some runs failed, 2 usage or configuration, 3 environment, 4 nothing matches, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        context.exit(_load(_BATCH)(parameters))
    given = {
        name: value
        for name, value in parameters.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    command = cast("click.Group", context.command).get_command(context, context.invoked_subcommand)
    known = {parameter.name for parameter in command.params} if command else set()
    if "form" in known and given.pop("as_json", False):  # --json of a report command, typed before the command
        given["form"] = "json"
    # As they are typed: the longest name of each, which is what the help shows.
    foreign = [max(option.opts, key=len) for option in context.command.params if option.name in given.keys() - known]
    if foreign:
        name = context.invoked_subcommand
        raise click.UsageError(f"{name!r} does not take {', '.join(sorted(foreign))}. Its options: {name} --help")
    context.default_map = {context.invoked_subcommand: given}


def main(arguments: Sequence[str] | None = None, *, defaults: object = None) -> None:
    """Run the command line; every expected fault ends in one message and its documented exit code.

    ``arguments`` are those of the process by default; ``defaults`` is for the command that knows its type.
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
        say(f"error: the package {error.name} is missing. Install it with: {install_command(extra)}")
        code = ExitCode.ENVIRONMENT
    except (click.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        printed = io.StringIO()
        error.show(printed)
        say(printed.getvalue().rstrip("\n"))
        code = ExitCode.USAGE
    except OSError as error:  # unexpected; the message names the file
        code = fault_of_the_system(error)
    settle_streams()
    sys.exit(int(code))


if __name__ == "__main__":
    main()
