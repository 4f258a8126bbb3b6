"""``compare``: the modes of a model, two models, or the same models then and now."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from energy_score.contract.errors import ExitCode, UsageError
from energy_score.host.cli import help_page
from energy_score.host.cli.option_types import share
from energy_score.host.cli.options import format_option, model_name_option, results_option
from energy_score.reports.results import read_results
from energy_score.reports.table import write

if TYPE_CHECKING:
    from energy_score.reports.comparison.side_by_side import SideBySide
    from energy_score.reports.table import Format

_plot = click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw a plot too: .svg, .png or .pdf.",
)


@click.group("compare")
def command() -> None:
    """Compare measured runs side by side. Nothing is run."""


@command.command(
    "modes",
    cls=help_page.HelpPage,
    short_help="The reasoning modes of each model.",
    examples=[
        ("--model-name Qwen3-8B --plot modes.svg", "one model, with a plot"),
    ],
)
@results_option
@model_name_option
@format_option
@_plot
def modes_command(results: Path, model_name: str | None, form: str, plot: Path | None) -> None:
    """Compare the reasoning modes of each model with Off: energy, tokens, J per token, and the ratio's parts."""
    from energy_score.reports.comparison.side_by_side import modes

    _show(modes(read_results(results).rows, model_name=model_name), form, plot)


@command.command(
    "models",
    cls=help_page.HelpPage,
    short_help="Two models.",
    examples=[
        ("Qwen/Qwen3-8B Qwen/Qwen3-4B", "in every mode that was measured"),
    ],
)
@results_option
@click.argument("first")
@click.argument("second")
@format_option
@_plot
def models_command(results: Path, first: str, second: str, form: str, plot: Path | None) -> None:
    """Compare two models, by their ids, in every reasoning state that was measured."""
    from energy_score.reports.comparison.side_by_side import models

    _show([models(read_results(results).rows, first, second)], form, plot)


@command.command(
    "results",
    cls=help_page.HelpPage,
    short_help="The same models then and now.",
    examples=[
        ("last_week/ batch_results/", "exits with 1 if energy went up"),
    ],
)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--threshold", type=share, default="3%", show_default=True, metavar="SHARE", help="Smallest increase that counts."
)
@format_option
@click.pass_context
def results_command(context: click.Context, before: Path, after: Path, threshold: float, form: str) -> None:
    """Show what takes more energy in AFTER than in BEFORE, each an output directory or a master_results.csv.

    Exit codes: 0 nothing got worse, 1 something got worse or is missing.
    """
    from energy_score.reports.comparison.regression import changes
    from energy_score.reports.comparison.tables import changes_table

    found = changes(read_results(before).rows, read_results(after).rows, threshold=threshold)
    write([changes_table(found, threshold=threshold)], cast("Format", form))
    faults = sum(change.is_fault for change in found)
    compared = sum(change.ratio is not None for change in found)
    click.echo(f"{compared} of {len(found)} compared, {faults} worse, lost or gone", err=True)
    context.exit(ExitCode.SOME_RUNS_FAILED if faults else ExitCode.OK)


def _show(comparisons: "list[SideBySide]", form: str, plot: Path | None) -> None:
    from energy_score.reports.comparison.tables import side_by_side_table

    if plot is not None:
        if len(comparisons) > 1:
            raise UsageError(f"--plot draws one comparison and there are {len(comparisons)}: name one by --model-name")
        from energy_score.reports.comparison.plot import plot as draw

        draw(comparisons[0], plot)
    write([side_by_side_table(comparison) for comparison in comparisons], cast("Format", form))
