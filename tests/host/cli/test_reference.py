"""Facts about the command reference."""

import click

from batch_runner import cli
from energy_score.host.cli.reference import PAGE, reference


def test_the_page_is_what_the_program_says_of_itself() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(cli), "make reference writes it anew"


def test_every_command_is_there_with_every_visible_option() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        section = reference(cli).partition(f"\n## `{name}`\n")[2].partition("\n## `")[0]
        assert command is not None
        assert section
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        assert [option.opts[0] for option in options if option.opts[0] not in section] == []


def test_every_option_says_what_it_is_and_its_default_as_it_is_typed() -> None:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `-"):
            _, _, meaning = line.partition("` | ")
            assert not meaning.startswith("[default"), f"no word on what it is: {line}"
            assert "default: (" not in line, line
