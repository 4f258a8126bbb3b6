"""Facts about the option values that have a type of their own."""

import click
import pytest
from click.testing import CliRunner

from energy_score.host.cli.option_types import repeat_count, share
from energy_score.host.cli.options import run_options
from energy_score.host.cli.parameters import run_options_from
from tests.support.command_line import command


@click.command()
@run_options
def echo(**parameters: object) -> None:
    options = run_options_from(parameters)
    click.echo(f"{options.repeats!r} {options.ci_target!r}")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("", "None None"),
        ("--repeats 3", "3 None"),
        ("--repeats auto", "'auto' None"),
        ("--repeats AUTO --ci 1%", "'auto' 0.01"),
        ("--repeats auto --ci 0.01", "'auto' 0.01"),
        ("--repeats auto --ci 2.5%", "'auto' 0.025"),
    ],
)
def test_repeats_and_interval_are_understood_as_documented(arguments: str, shown: str) -> None:
    done = CliRunner().invoke(echo, arguments.split())
    assert (done.exit_code, done.output.strip()) == (0, shown)


@pytest.mark.parametrize("arguments", ["--repeats 1.5", "--ci 1"])
def test_a_refused_value_is_a_usage_error_that_names_its_option(arguments: str) -> None:
    done = CliRunner().invoke(echo, arguments.split())
    assert done.exit_code == 2
    assert f"Invalid value for '{arguments.split(maxsplit=1)[0]}'" in done.output
    assert ". Use a " in done.output


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "\u0663"])
def test_other_repeats_are_refused_with_what_is_valid(text: str) -> None:
    with pytest.raises(click.BadParameter, match="Use a whole number, 1 or more, or auto"):
        repeat_count(text)


@pytest.mark.parametrize("text", ["0", "1", "5", "0%", "100%", "-1%", "one", "", "%", "nan", "inf"])
def test_other_shares_are_refused_with_what_is_valid(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"Use a percentage \(1%\) or a fraction \(0\.01\)"):
        share(text)


@pytest.mark.parametrize("option", ["--request-timeout", "--timeout", "--gpu-wait"])
@pytest.mark.parametrize("text", ["nan", "inf", "1e300", "-1"])
def test_a_time_is_a_number_that_a_clock_can_count(option: str, text: str) -> None:
    assert command("--dry-run", f"{option}={text}").exit_code == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-n 0", "0 is out of range. Use a whole number, 1 or more."),
        ("-n x", "'x' is not a whole number. Use a whole number, 1 or more."),
        ("--seed 4294967296", "4294967296 is out of range. Use at most 4294967295."),
        ("--timeout 1e300", "1e300 is out of range. Use at most 100000000."),
        ("--memory lots", "'lots' is not a size. Use a number with b, k, m or g, such as 48g."),
        ("--memory 0g", "'0g' is not a size."),
    ],
)
def test_a_number_out_of_range_is_answered_with_the_range(typed: str, said: str) -> None:
    done = command("--dry-run", *typed.split())
    assert done.exit_code == 2
    assert said in done.stderr
