"""Help that reads from top to bottom at 80 columns: what it does, examples, and options in labeled sections.

Imports nothing heavy: it is on the way to ``--help``.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import click

PROGRAM = "batch_runner.py"
_OWN = "Options"
LAST_SECTION = "Other"
# In the order of the help; a command's own options come first.
_SECTIONS = (_OWN, "Selection", "Run", "Protocol", "Backend", "Batch", "Cluster", "Output", LAST_SECTION)


class SectionOption(click.Option):
    """An option that the help lists under ``section``."""

    def __init__(self, *arguments: Any, section: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section


def section(name: str) -> Callable[..., Callable[[Any], Any]]:
    """Return ``click.option`` for one section of the help.

    Raises:
        ValueError: The help has no such section.
    """
    if name not in _SECTIONS:
        raise ValueError(f"the help has no section {name!r}")
    return partial(click.option, cls=SectionOption, section=name)


class HelpPage(click.Command):
    """A command whose help has ``examples`` (its arguments, and what they do) and labeled sections of options."""

    def __init__(self, *arguments: Any, examples: Sequence[tuple[str, str]] = (), **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.examples = tuple(examples)

    def options_by_section(self, ctx: click.Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """Yield each section that has options, and for each option its names and its help."""
        parameters = self.get_params(ctx)
        help_option = self.get_help_option(ctx)
        for name in _SECTIONS:
            records = [
                record
                for one in parameters
                if (LAST_SECTION if one is help_option else getattr(one, "section", _OWN)) == name
                and not isinstance(one, click.Argument)
                and (record := one.get_help_record(ctx)) is not None
            ]
            if records:
                yield name, records

    def example_lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return each example as it is typed, and what it does."""
        words = ctx.command_path.split()[1:]
        return [(" ".join([PROGRAM, *words, arguments]).strip(), meaning) for arguments, meaning in self.examples]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the options, each section under its name."""
        self.format_examples(ctx, formatter)
        self.format_sections(ctx, formatter)

    def format_examples(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one example a line, what it does beside it or, where that is too long, below it."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_dl(self.example_lines(ctx), col_max=48)

    def format_sections(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each section under its name."""
        for name, records in self.options_by_section(ctx):
            with formatter.section(name):
                formatter.write_dl(records)


command = partial(click.command, cls=HelpPage)
