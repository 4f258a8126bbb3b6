"""The rows of a spreadsheet as text, one a line: what ``python model_config_parser.py FILE`` prints."""

import sys
from collections.abc import Sequence

from energy_score.contract.errors import EnergyScoreError, ExitCode
from energy_score.contract.plain_text import counted
from energy_score.host.cli.standard_streams import fault_of_the_system, have_streams, reader_may_leave, settle_streams
from model_config_parser import ModelConfigParser


def main(arguments: Sequence[str]) -> int:
    """List the rows of the spreadsheet named by the only argument on stdout; the exit code."""
    have_streams()
    if len(arguments) != 1:
        sys.stderr.write("usage: python model_config_parser.py FILE\n")
        return ExitCode.USAGE
    try:
        configs = ModelConfigParser(arguments[0]).parse()
    except EnergyScoreError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    width = max(len(config.model_id) for config in configs)
    try:
        with reader_may_leave():
            sys.stdout.writelines(
                f"{config.line_number:>5}  {config.model_id:<{width}}  {config.model_class or '-'}  "
                f"{config.task:<10}  {config.reasoning_state or '-'}\n"
                for config in configs
            )
            sys.stdout.write(f"{counted(len(configs), 'row')}\n")
            sys.stdout.flush()
    except OSError as error:
        code = fault_of_the_system(error)
        settle_streams()
        return code
    return ExitCode.OK
