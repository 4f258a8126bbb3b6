"""``status`` and ``watch``: what a batch is doing, told from its output directory, by whoever runs it."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from energy_score.contract.errors import ExitCode, NothingMatchedError, RecordError
from energy_score.contract.plain_text import format_json
from energy_score.host.batch.overview import Overview, lines_of
from energy_score.host.cli import help_page
from energy_score.host.cli.output_directory import output_dir_argument

_REFRESH_S = 1.0


@help_page.command(
    examples=[
        ("", "the batch in ./batch_results"),
        ("my_results --json", "another one, for a program"),
    ]
)
@output_dir_argument
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def status(output_dir: Path, *, as_json: bool) -> None:
    """Show what a batch is doing, or did last: counts, what runs where, energy, failures.

    Exit codes: 0 the batch is running or finished, 1 it died (the same command continues it), 4 no batch was found.
    """
    overview = _overview(output_dir)
    if as_json:
        click.echo(format_json(overview.as_object()))
    else:
        for line in lines_of(overview):
            click.echo(line)
    sys.exit(int(ExitCode.SOME_RUNS_FAILED if overview.has_died else ExitCode.OK))


@help_page.command()
@output_dir_argument
def watch(output_dir: Path) -> None:
    """Show what a batch is doing, live, until it ends. In a pipe, print its status whenever it changes."""
    if sys.stdout.isatty():
        _watch_on_terminal(output_dir)
        return
    shown: list[str] = []
    while True:
        overview = _overview(output_dir)
        lines = list(lines_of(overview, with_times=False))
        if lines != shown:
            shown = lines
            click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S %Z}\n" + "\n".join(lines))
        if overview.is_over:
            return
        time.sleep(_REFRESH_S)


def _watch_on_terminal(output_dir: Path) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        while True:
            overview = _overview(output_dir)
            live.update(Group(*(Text(line) for line in lines_of(overview))), refresh=True)
            if overview.is_over:
                return
            time.sleep(_REFRESH_S)


def _overview(output_dir: Path) -> Overview:
    try:
        return Overview.of(output_dir)
    except RecordError as error:
        raise NothingMatchedError(f"no batch has run in {output_dir}: {error}") from error
