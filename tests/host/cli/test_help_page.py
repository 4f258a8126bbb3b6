"""Facts about the help that people read."""

import shlex

import click
import pytest
from click.testing import CliRunner

from batch_runner import COMMANDS, cli
from energy_score.host.cli.help_page import HelpPage, section

SECTIONS = ("Selection", "Run", "Protocol", "Backend", "Batch", "Output")


def commands() -> list[tuple[str, ...]]:
    """Every command there is, as it is typed; a batch is none."""
    found: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.list_commands(click.Context(command))]
    return found


def help_of(*words: str) -> str:
    """The help as a terminal of 80 columns shows it."""
    done = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80, max_content_width=80)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_help_fits_80_columns(words: tuple[str, ...]) -> None:
    assert [line for line in help_of(*words).splitlines() if len(line) > 80] == []


def test_the_main_page_has_examples_then_commands_then_labeled_options() -> None:
    lines = help_of().splitlines()
    places = [lines.index(heading) for heading in ("Examples:", *(f"{name}:" for name in SECTIONS))]
    commands_at = next(place for place, line in enumerate(lines) if line.startswith("Commands"))
    assert places[0] < commands_at < places[1]
    assert places == sorted(places)
    assert len([line for line in lines[places[0] + 1 : commands_at] if line.strip()]) == 3


def test_every_option_of_a_batch_has_a_section() -> None:
    assert "Options:" not in help_of().splitlines()


def examples() -> list[str]:
    """Every example of every help, as it is typed."""
    found = []
    for words in commands():
        context = click.Context(cli, info_name="batch_runner.py")
        command: click.Command = cli
        for word in words:
            assert isinstance(command, click.Group)
            inner = command.get_command(context, word)
            assert inner is not None
            command, context = inner, click.Context(inner, info_name=word, parent=context)
        if isinstance(command, HelpPage):
            found += [typed for typed, _ in command.example_lines(context)]
    return found


@pytest.mark.parametrize("typed", examples())
def test_every_example_can_be_typed(typed: str) -> None:
    words = shlex.split(typed.partition(" >")[0])[1:]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and words[0] in command.list_commands(click.Context(command)):
        command = command.get_command(click.Context(command), words[0]) or command
        words = words[1:]
    command.make_context("example", words)


def test_a_section_that_the_help_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no section 'Slection'"):
        section("Slection")


@pytest.mark.parametrize(
    ("typed", "completed"), [("le", "leaderboard"), ("rate --ag", "--against"), ("--ou", "--output-dir")]
)
def test_a_shell_completes_commands_and_options(typed: str, completed: str) -> None:
    words = f"energy-score {typed}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = CliRunner().invoke(
        cli, env=asked | {"_ENERGY_SCORE_COMPLETE": "bash_complete"}, prog_name="energy-score",
    )  # fmt: skip
    assert done.output == f"plain,{completed}\n"
