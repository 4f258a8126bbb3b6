"""``compare``: the modes of a model, two models, or the same models then and now."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from energy_score.contract.errors import ExitCode, UsageError
from energy_score.host.cli.option_types import share
from energy_score.host.cli.options import results_option
from energy_score.reports.results import read_results
from energy_score.reports.table import write

if TYPE_CHECKING:
    from energy_score.reports.comparison.side_by_side import SideBySide
    from energy_score.reports.table import Format

_form = click.option("--format", "form", type=click.Choice(["table", "markdown", "json"]), default="table",
                     show_default=True, help="How the table is written.")  # fmt: skip
_plot = click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                     help="Draw it too: .svg, .png or .pdf.")  # fmt: skip


@click.group("compare")
def command() -> None:
    """Runs side by side. Reads results only; nothing is run."""


@command.command("modes", short_help="The reasoning modes of each model.")
@results_option
@click.option("--model-name", metavar="S", help="Models whose id contains S (any case).  [default: all]")
@_form
@_plot
def modes_command(results: Path, model_name: str | None, form: str, plot: Path | None) -> None:
    """The reasoning modes of each model, beside Off: energy, tokens, J per token, and what the ratio is made of."""
    from energy_score.reports.comparison.side_by_side import modes

    _show(modes(read_results(results).rows, model_name=model_name), form, plot)


@command.command("models", short_help="Two models.")
@results_option
@click.argument("first")
@click.argument("second")
@_form
@_plot
def models_command(results: Path, first: str, second: str, form: str, plot: Path | None) -> None:
    """Two models by their ids, in every state that was measured, beside the first one."""
    from energy_score.reports.comparison.side_by_side import models

    _show([models(read_results(results).rows, first, second)], form, plot)


@command.command("results", short_help="The same models then and now.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--threshold", type=share, default="3%", show_default=True, metavar="SHARE",
              help="The least increase that counts.")  # fmt: skip
@_form
@click.pass_context
def results_command(context: click.Context, before: Path, after: Path, threshold: float, form: str) -> None:
    """Two results, BEFORE and AFTER, each an output directory or a master_results.csv: what takes more energy now.

    Exit codes: 0 nothing got worse, 1 a regression, or a result that was lost or has gone.
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
