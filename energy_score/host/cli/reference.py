"""The command reference, written from the program itself: ``python -m energy_score.host.cli.reference``."""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from energy_score.host.cli.help_page import LAST_SECTION, PROGRAM, HelpPage
from energy_score.host.cli.option_types import OWN_PARTS_ALONE

PAGE = Path(__file__).resolve().parents[3] / "docs" / "commands.md"
_HEAD = f"""\
# Every command and every option

Generated from the program by `make reference`. `python {PROGRAM} COMMAND --help` prints the same. The installed
package has the same program as `energy-score`. The [guides](README.md) explain what to use when.

To complete commands and options of `energy-score` with the Tab key, add one line to your shell's startup file:

| shell | line |
|---|---|
| bash, in `~/.bashrc` | `eval "$(_ENERGY_SCORE_COMPLETE=bash_source energy-score)"` |
| zsh, in `~/.zshrc` | `eval "$(_ENERGY_SCORE_COMPLETE=zsh_source energy-score)"` |
| fish, in `~/.config/fish/config.fish` | `_ENERGY_SCORE_COMPLETE=fish_source energy-score \\| source` |
"""


def reference(group: click.Group) -> str:
    """Return the page as Markdown: the batch, which needs no command, then every command of ``group`` by name."""
    batch = click.Context(group, info_name=PROGRAM)
    batch.meta[OWN_PARTS_ALONE] = True
    return "\n".join([_HEAD, *_section(batch, title="A batch"), *_further(batch)])


def _further(context: click.Context) -> Iterator[str]:
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            yield from _section(inner, title=f"`{inner.command_path.partition(' ')[2]}`")
            yield from _further(inner)


def _section(context: click.Context, *, title: str) -> Iterator[str]:
    command = context.command
    yield f"## {title}\n"
    yield f"```text\npython {' '.join(command.get_usage(context).removeprefix('Usage: ').split())}\n```\n"
    yield f"{cleandoc(command.help or '')}\n"
    if not isinstance(command, HelpPage):
        return
    if command.examples:
        lines = (f"python {typed}  # {meaning}" for typed, meaning in command.example_lines(context))
        yield "\n".join(("```text", *lines, "```")) + "\n"  # tests/host/cli/test_help_page.py types them
    for section, records in command.options_by_section(context):
        rows = [f"| `{_cell(names, signs='|')}` | {_cell(meaning)} |" for names, meaning in records]
        if section != LAST_SECTION:  # --help is the same everywhere
            yield "\n".join((f"| {section} | meaning |", "|---|---|", *rows)) + "\n"


def _cell(text: str, *, signs: str = "|*<") -> str:
    """``text`` in a table's cell, where a bar would end it and, outside of code, stars and ``<>`` would vanish."""
    return "".join(f"\\{sign}" if sign in signs else sign for sign in " ".join(text.split()))


if __name__ == "__main__":
    from batch_runner import cli

    PAGE.write_text(reference(cli), encoding="utf-8")
