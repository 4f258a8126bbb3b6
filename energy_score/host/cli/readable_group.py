"""A group of commands whose reader may leave: ``| head`` has what he wanted, and that is no failure."""

from typing import Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli.standard_streams import settle_streams


class ReadableGroup(click.Group):
    """As click's own, which ends with 1 where nobody reads any more; 1 is "some runs failed"."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """As click does; the reader of a help text may leave."""
        try:
            return super().make_context(*arguments, **extra)
        except BrokenPipeError:
            settle_streams()
            raise click.exceptions.Exit(ExitCode.OK) from None

    def invoke(self, ctx: click.Context) -> object:
        """As click does; the reader of a result may leave."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            settle_streams()
            return ExitCode.OK
