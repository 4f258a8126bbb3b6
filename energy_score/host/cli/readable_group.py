"""A group of commands whose output may be cut short: a closed pipe, as with ``| head``, is not a failure."""

from typing import Any

import click

from energy_score.contract.errors import ExitCode
from energy_score.host.cli.standard_streams import settle_streams


class ReadableGroup(click.Group):
    """A group that does not end with exit code 1 on a closed pipe, as click's does: 1 means "some runs failed"."""

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
