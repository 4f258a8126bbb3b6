import click
from _typeshed import Incomplete
from collections.abc import Sequence
from energy_score.host.cli.help_page import HelpPage
from energy_score.host.cli.options import batch_executor_options, batch_options, dry_run_option, events_option, run_options, selection_options
from energy_score.host.cli.readable_group import ReadableGroup
from typing import Any

COMMANDS: Incomplete

class _CommandGroup(HelpPage, ReadableGroup):
    def list_commands(self, ctx: click.Context) -> list[str]: ...
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None: ...
    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]: ...
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None: ...

@selection_options
@run_options
@batch_executor_options
@batch_options
@dry_run_option
@events_option
@click.pass_context
def cli(context: click.Context, /, **parameters: Any) -> None: ...
def main(arguments: Sequence[str] | None = None, *, defaults: object = None) -> None: ...
