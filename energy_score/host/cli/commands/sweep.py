"""``sweep``: one model in every reasoning mode that reaches it, with natural and with fixed length."""

import csv
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from energy_score.contract.errors import ExitCode, NothingMatchedError, UsageError
from energy_score.contract.model_config import ReasoningMode, is_local_model
from energy_score.host.batch.plan import Selection
from energy_score.host.cli import help_page, option_types
from energy_score.host.cli.options import (
    batch_executor_options,
    batch_options,
    dry_run_option,
    run_options,
)
from energy_score.host.cli.parameters import batch_options_from
from energy_score.host.cli.plan_table import show_plan
from energy_score.host.cli.run_batch import run_batch
from energy_score.host.preflight.models.model_modes import read_modes, state_of
from energy_score.reports.results import read_results
from energy_score.reports.table import write
from model_config_parser import REQUIRED_COLUMNS
from parameter_handler import RunOptions

_SHEET = "sweep.csv"


def states_of(model: str) -> list[str]:
    """Return the reasoning states that reach the model, as a sheet writes them.

    They are found in its chat template, or in its family's entry.

    Raises:
        UsageError: The folder does not exist, or it is not known how the model is switched.
    """
    modes = read_modes(model)
    states = [state_of(mode) for mode, _ in modes.expressible()]
    if not states and modes.decide(ReasoningMode.ON).kind == "unknown":
        why = modes.absence or "its chat template shows neither a switch nor thoughts"
        raise UsageError(
            f"{model}: no reasoning switch is known: {why}. See: batch_runner.py modes MODEL, or write the rows by hand"
        )
    return states


@help_page.command(
    "sweep",
    examples=[
        ("Qwen/Qwen3-8B", "every mode, as long as it likes and with 256 tokens"),
        ("Qwen/Qwen3-8B -n 20 --dry-run", "show what would run"),
    ],
)
@click.argument("model")
@click.option(
    "--class",
    "model_class",
    type=option_types.model_class,
    default="A",
    show_default=True,
    metavar="A|B|C",
    help="Class of the model, which decides how many GPUs a run gets.",
)
@click.option(
    "--fixed-tokens",
    type=option_types.WholeNumber(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="New tokens per query in the second half of the sweep.",
)
@run_options
@batch_executor_options
@batch_options
@dry_run_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    model: str,
    model_class: str,
    fixed_tokens: int,
    dry_run: bool,
    **parameters: Any,
) -> None:
    """Run MODEL in every reasoning mode twice: with answers of natural length, and with exactly N new tokens.

    Writes a batch to DIR/natural and one to DIR/fixed_N, and compares the modes in each. If it is interrupted, the same
    command continues.
    """
    from energy_score.reports.comparison.side_by_side import modes
    from energy_score.reports.comparison.tables import side_by_side_table

    option_types.refuse_spreadsheet(model, "A sweep has one model.")
    directory: Path = parameters["output_dir"]
    options = batch_options_from(parameters, selection=Selection(csv=directory / _SHEET))
    if dry_run:
        _show(model, model_class, options.run)
        return
    write_sheet(directory, model, model_class)
    code = ExitCode.OK
    halves: dict[str, dict[str, int]] = {
        "natural": {},
        f"fixed_{fixed_tokens}": {"min_new_tokens": fixed_tokens, "max_new_tokens": fixed_tokens},
    }
    for name, limits in halves.items():
        half = replace(options, run=options.run.model_copy(update=limits), output_directory=directory / name)
        code = max(code, run_batch(half))
        if code is ExitCode.INTERRUPTED:
            context.exit(code)
    for name in halves:
        try:
            found = modes(read_results(directory / name).rows)
        except NothingMatchedError as error:
            click.echo(f"note: {name}: {error}", err=True)
        else:
            click.echo(f"\n{name}:")
            write([side_by_side_table(comparison) for comparison in found], "table")
    context.exit(code)


def _show(model: str, model_class: str, options: "RunOptions") -> None:
    """The first half of the sweep, resolved; the second one differs in the number of tokens alone."""
    with TemporaryDirectory() as folder:
        sheet = write_sheet(Path(folder), model, model_class)
        show_plan(Selection(csv=sheet), options, form="table")


def write_sheet(directory: Path, model: str, model_class: str) -> Path:
    """``DIR/sweep.csv`` with one row for each state; a local model is written relative to it.

    Raises:
        UsageError: the model has no two modes to compare.
    """
    states = states_of(model)
    if len(states) < 2:  # noqa: PLR2004 - a sweep needs two modes
        raise UsageError(f"{model}: has {states[0] if states else 'no reasoning mode'} and nothing beside it")
    directory.mkdir(parents=True, exist_ok=True)
    written = model
    if is_local_model(model):
        relative = os.path.relpath(Path(model).expanduser(), directory)
        written = relative if relative.startswith("../") else f"./{relative}"
    sheet = directory / _SHEET
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(REQUIRED_COLUMNS)
        writer.writerows((written, "1", model_class, "text_gen", state, "") for state in states)
    return sheet
